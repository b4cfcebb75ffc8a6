"""Real Kafka and PostgreSQL for tests, and the means to harm them.

`servers` is shared by the whole session: take databases and topic prefixes of your own from it and
leave the servers alone. `own_servers` starts a deployment for one test, which may then kill what it
likes. The servers come from tokend's own launcher, or from containers (`pytest --servers
containers`): a provider only has to offer what `Servers` names.
"""

import asyncio
import contextlib
import secrets
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from infra.local import kafka, kafka_admin, launch, postgres, postgres_admin, processes
from infra.local.kafka import KafkaServer
from infra.local.kafka_admin import Topic
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Table
from schemas.settings import KafkaSettings

TESTER = "tester"
NATIVE, CONTAINERS = PROVIDERS = ("native", "containers")
SERVERS_ONLY = Table(
    tiers=(SERVERS,),
    profiles={SERVERS: (SERVERS,)},
    servers=(KafkaServer("kafka"), PostgresServer("postgres")),
)


class Servers(Protocol):
    """A broker and a database server, both empty at first.

    Names for the faults are those of the provider's processes: "kafka" and "postgres".
    """

    @property
    def kafka(self) -> KafkaSettings:
        """The log-in of a user who may read and write every topic."""
        ...

    def create_database(self, purpose: str = "test") -> str:
        """A new, empty database with an owner of its own; its URL."""
        ...

    def get_prefix(self, purpose: str = "test") -> str:
        """A prefix for names of topics and groups that nobody else has."""
        ...

    def create_topics(self, topics: Sequence[Topic]) -> None: ...

    def get_process_id(self, name: str) -> int:
        """On this machine."""
        ...

    def kill(self, name: str) -> None:
        """kill -9; whoever watches over the process starts it again."""
        ...

    def pause(self, name: str) -> None: ...

    def resume(self, name: str) -> None: ...

    def stop(self, name: str) -> None:
        """Stops a process cleanly; it stays down until `start`."""
        ...

    def start(self, name: str) -> None: ...

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        """Waits until both servers answer again."""
        ...

    def are_ready(self) -> bool: ...


class NativeServers:
    """The provider on this machine: `launch.start_deployment` with its supervisor."""

    def __init__(self, running: launch.RunningDeployment) -> None:
        self.running = running

    @property
    def kafka(self) -> KafkaSettings:
        return self.running.place.get_kafka_login(TESTER)

    def create_database(self, purpose: str = "test") -> str:
        name = f"{purpose}_{secrets.token_hex(4)}"
        place = self.running.place
        password = place.get_secret(f"postgres.{name}")
        postgres_admin.create_databases(postgres.get_superuser_url(place), {name: password})
        return place.get_database_url(name)

    def get_prefix(self, purpose: str = "test") -> str:
        return f"{purpose}-{secrets.token_hex(4)}."

    def create_topics(self, topics: Sequence[Topic]) -> None:
        kafka_admin.create_topics(kafka.get_administrator(self.running.place), topics)

    def get_process_id(self, name: str) -> int:
        """Of a process that runs: what has none has the id 0, by which one would signal oneself."""
        state = self.running.control.get_state(name)
        assert state.process_id > 0, f"{name} is {state.state}"
        return state.process_id

    def kill(self, name: str) -> None:
        """Returns when the process is gone."""
        process_id = self.get_process_id(name)
        processes.send_signal(process_id, signal.SIGKILL)
        assert processes.wait_until(lambda: not processes.is_alive(process_id), 10)

    def pause(self, name: str) -> None:
        processes.send_signal(self.get_process_id(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        processes.send_signal(self.get_process_id(name), signal.SIGCONT)

    def stop(self, name: str) -> None:
        self.running.control.stop(name)

    def start(self, name: str) -> None:
        self.running.control.start(name)

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        assert processes.wait_until(self.are_ready, seconds), "the servers do not come back"

    def are_ready(self) -> bool:
        place = self.running.place
        administrator = kafka.get_administrator(place)
        return asyncio.run(postgres.is_ready(place)) and kafka_admin.is_ready(administrator, 1)


def make_tester(administrator: Mapping[str, Any], login: KafkaSettings) -> None:
    """A user who may do everything with topics and groups, so that tests may call them anything."""
    admin = AdminClient(dict(administrator))
    acls = [
        AclBinding(
            kind,
            "*",
            ResourcePatternType.LITERAL,
            f"User:{login.user}",
            "*",
            AclOperation.ALL,
            AclPermissionType.ALLOW,
        )
        for kind in (ResourceType.TOPIC, ResourceType.GROUP)
    ]
    for change in admin.create_acls(acls).values():
        change.result(30)
    kafka_admin.set_passwords(administrator, [login])


def make_folder() -> Path:
    """A new folder for a deployment. Not in pytest's own: PostgreSQL's user may not enter it."""
    return Path(tempfile.mkdtemp(prefix="tokend-test-", dir="/tmp"))


@contextlib.contextmanager
def start_native_servers() -> Iterator[NativeServers]:
    """A deployment of its own for the time of the context; nothing is left of it afterwards."""
    root = make_folder()
    lines: list[str] = []
    try:
        running = asyncio.run(launch.start_deployment(root, SERVERS_ONLY, SERVERS, lines.append))
        try:
            place = running.place
            make_tester(kafka.get_administrator(place), place.get_kafka_login(TESTER))
            yield NativeServers(running)
        finally:
            running.stop(lines.append)
        assert processes.find_processes(root) == []
    finally:
        shutil.rmtree(root, ignore_errors=True)


def start_servers(config: pytest.Config) -> contextlib.AbstractContextManager[Any]:
    """By the provider that `--servers` names."""
    if config.getoption("--servers", NATIVE) == NATIVE:
        return start_native_servers()
    from tests.support.container_servers import start_container_servers

    return start_container_servers()


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Kafka and PostgreSQL, shared by all tests of the session."""
    with start_servers(request.config) as started:
        yield started


@pytest.fixture
def own_servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    """Kafka and PostgreSQL for one test alone. Tests of the launcher itself name what they get:
    `NativeServers`; they make no sense with another provider.
    """
    with start_servers(request.config) as started:
        yield started

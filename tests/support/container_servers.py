"""Kafka and PostgreSQL in containers, by testcontainers: the second provider of `Servers`.

It wants a Docker engine and images that keep the conventions of `apache/kafka` and `postgres`;
KAFKA_IMAGE and POSTGRES_IMAGE name them (`make test-containers` builds its own).
"""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
from testcontainers.core.container import DockerContainer

from infra.local import kafka, kafka_admin, postgres_admin
from infra.local.folders import make_password, write_private
from infra.local.kafka import ADMINISTRATOR, BROKER, BROKER_USER, CLIENTS, CONTROLLER
from infra.local.kafka_admin import Topic
from infra.local.ports import choose_port
from infra.local.processes import wait_until
from schemas.settings import KafkaSettings, Secret
from tests.support.servers import TESTER, make_folder, make_tester

KAFKA_IMAGE = os.environ.get("KAFKA_IMAGE", "apache/kafka:4.1.0")
POSTGRES_IMAGE = os.environ.get("POSTGRES_IMAGE", "postgres:18")
READY_S = 120.0


class ContainerServers:
    """Both servers, each in a container that is started again after it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        taken: list[int] = []
        for _ in range(3):
            taken.append(choose_port(taken))
        self._clients, self._broker, self._postgres = taken
        self._passwords = {name: make_password() for name in (BROKER_USER, ADMINISTRATOR)}
        self._password = make_password()
        self.kafka = KafkaSettings(
            bootstrap_servers=f"127.0.0.1:{self._clients}",
            user=TESTER,
            password=Secret(make_password()),
        )
        self._containers = {"kafka": self._make_kafka(), "postgres": self._make_postgres()}

    def _make_kafka(self) -> DockerContainer:
        """Ports are the same within as without, so that one address is right for both."""
        ports = {CLIENTS: self._clients, BROKER: self._broker}
        settings = kafka.encode_settings(
            {
                **{name: f"0.0.0.0:{port}" for name, port in ports.items()},
                CONTROLLER: "127.0.0.1:9093",
            },
            Path("/var/lib/kafka/data"),
            self._passwords,
            {name: f"127.0.0.1:{port}" for name, port in ports.items()},
        )
        config = self._folder / "kafka"
        config.mkdir()
        write_private(config / "server.properties", settings.encode())
        container = (
            DockerContainer(KAFKA_IMAGE)
            .with_volume_mapping(str(config), "/mnt/shared/config", "ro")
            .with_kwargs(user=f"{os.getuid()}:0")  # who may read the settings, as the group
            .with_env("CLUSTER_ID", secrets.token_urlsafe(16).replace("-", "A"))
        )
        for port in ports.values():
            container.with_bind_ports(port, port)
        return container

    def _make_postgres(self) -> DockerContainer:
        file = self._folder / "password"
        write_private(file, self._password.encode())
        return (
            DockerContainer(POSTGRES_IMAGE)
            .with_volume_mapping(str(file), "/run/secrets/password", "ro")
            .with_env("POSTGRES_PASSWORD_FILE", "/run/secrets/password")
            .with_bind_ports(5432, self._postgres)
            .with_command("postgres -c max_connections=200")
        )

    def start_all(self) -> None:
        for container in self._containers.values():
            container.start()
        self.wait_until_ready(READY_S)
        make_tester(self._administrator, self.kafka)

    def stop_all(self) -> None:
        for container in self._containers.values():
            container.stop()
            container.get_docker_client().client.close()

    @property
    def _administrator(self) -> dict[str, Any]:
        address = f"127.0.0.1:{self._broker}"
        return kafka.encode_administrator(address, self._passwords[ADMINISTRATOR])

    @property
    def _superuser_url(self) -> str:
        return f"postgresql://postgres:{self._password}@127.0.0.1:{self._postgres}/postgres"

    def create_database(self, purpose: str = "test") -> str:
        name, password = f"{purpose}_{secrets.token_hex(4)}", make_password()
        postgres_admin.create_databases(self._superuser_url, {name: password})
        return f"postgresql://{name}:{password}@127.0.0.1:{self._postgres}/{name}"

    def get_prefix(self, purpose: str = "test") -> str:
        return f"{purpose}-{secrets.token_hex(4)}."

    def create_topics(self, topics: Sequence[Topic]) -> None:
        kafka_admin.create_topics(self._administrator, topics)

    def get_process_id(self, name: str) -> int:
        container = self._containers[name].get_wrapped_container()
        container.reload()
        return int(container.attrs["State"]["Pid"])

    def kill(self, name: str) -> None:
        container = self._containers[name].get_wrapped_container()
        container.kill()
        container.wait()
        container.start()

    def pause(self, name: str) -> None:
        self._containers[name].get_wrapped_container().pause()

    def resume(self, name: str) -> None:
        self._containers[name].get_wrapped_container().unpause()

    def stop(self, name: str) -> None:
        self._containers[name].get_wrapped_container().stop()

    def start(self, name: str) -> None:
        self._containers[name].get_wrapped_container().start()

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        assert wait_until(self.are_ready, seconds), "the servers do not come back"

    def are_ready(self) -> bool:
        try:
            psycopg.connect(self._superuser_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return kafka_admin.is_ready(self._administrator, 1)


@contextlib.contextmanager
def start_container_servers() -> Iterator[ContainerServers]:
    """Both for the time of the context; nothing is left of them afterwards."""
    folder = make_folder()
    folder.chmod(0o711)
    servers = ContainerServers(folder)
    try:
        servers.start_all()
        yield servers
    finally:
        servers.stop_all()
        shutil.rmtree(folder)

"""A deployment in containers: the names and ports that its services have there, and their settings.

Files stand in a data folder on the host; every container sees only the folder of its own service.
Starts nothing.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from infra.local import kafka, ports
from infra.local.folders import DataFolder, write_private
from infra.local.kafka import ADMINISTRATOR, BROKER, BROKER_USER, CLIENTS, CONTROLLER, MORE_CLIENTS
from infra.local.launch import describe_deployment
from infra.local.network import PAIRS, get_genesis_file
from infra.local.place import Place
from infra.local.postgres import SUPERUSER
from infra.local.services import Service, Table
from infra.local.toml import encode_toml

PORTS = {"http": 8000, "overlay": 8001, "postgres": 5432, "kafka": 9092, "broker": 9093}
CONTROLLER_PORT, HOST_PORT = 9094, 9095
PUBLISHED = ("kafka", *(f"gateway{pair}.http" for pair in PAIRS))
SETTINGS = "settings.toml"
INSIDE = Path("/run/secrets")
IMAGE_USER = 10001
"""Of tokend's image: where root prepares a deployment, its services run as this user."""


class ContainerPlace(Place):
    """Each service has a host name of its own, on which its ports are always the same.

    `state.ports` are those that the host publishes on 127.0.0.1.
    """

    def get_port(self, name: str) -> int:
        return PORTS[name.rpartition(".")[2]]

    def get_address(self, name: str) -> str:
        return f"{name.partition('.')[0]}:{self.get_port(name)}"

    def get_url(self, name: str) -> str:
        """Gateways have the address that users know; the others are for their own network."""
        if name in PUBLISHED:
            return f"http://{self.get_published(name)}"
        return super().get_url(name)

    def get_published(self, name: str) -> str:
        """HOST:PORT on the machine that runs the containers; free when it is first asked for."""
        if name not in self.state.ports:
            self.state.ports[name] = ports.choose_port(self.state.ports.values())
        return f"127.0.0.1:{self.state.ports[name]}"


def prepare(root: Path, table: Table) -> ContainerPlace:
    """Keys, genesis, settings and secrets of a whole deployment, once; again it writes the same."""
    folder = DataFolder(root.resolve())
    folder.make(is_shared=False)
    place = ContainerPlace(folder)
    table.prepare(place)
    services = table.get_services("all")
    for service in services:
        _write_service(place, service)
    _write_servers(place)
    _write_endpoints(place, table, services)
    _write_environment(place)
    place.save()
    if os.geteuid() == 0:
        _give_away(folder.root)
    return place


def _write_service(place: ContainerPlace, service: Service) -> None:
    """Its settings, and copies of the files that they name, as it sees them."""
    home = place.get_service_folder(service.name)
    text = encode_toml(service.get_settings(place))
    known = [*place.folder.secrets.iterdir(), get_genesis_file(place)]
    for file in sorted(known, key=lambda each: -len(str(each))):
        if f'"{file}"' in text:
            write_private(home / file.name, file.read_bytes())
            text = text.replace(f'"{file}"', f'"{INSIDE / file.name}"')
    write_private(home / SETTINGS, text.encode())


def _write_servers(place: ContainerPlace) -> None:
    passwords = {user: place.get_secret(f"kafka.{user}") for user in (BROKER_USER, ADMINISTRATOR)}
    listeners = {
        CLIENTS: place.get_address("kafka"),
        BROKER: place.get_address("kafka.broker"),
        CONTROLLER: f"kafka:{CONTROLLER_PORT}",
        MORE_CLIENTS: f"kafka:{HOST_PORT}",
    }
    advertised = {MORE_CLIENTS: place.get_published("kafka")}
    settings = kafka.encode_settings(listeners, Path("/var/lib/kafka/data"), passwords, advertised)
    write_private(place.get_service_folder("kafka") / "server.properties", settings.encode())
    password = place.get_secret(f"postgres.{SUPERUSER}")
    write_private(place.get_service_folder("postgres") / "password", password.encode())


def _write_endpoints(place: ContainerPlace, table: Table, services: tuple[Service, ...]) -> None:
    content = describe_deployment(place, table, services)
    content["kafka"] = {**content["kafka"], "bootstrap_servers": place.get_published("kafka")}
    del content["postgres"]  # which is not published
    text = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    write_private(place.folder.endpoints_file, text)


def _write_environment(place: ContainerPlace) -> None:
    """What compose.yaml wants to know: `docker-compose --env-file`. Nothing in it is secret."""
    user = os.geteuid() or IMAGE_USER
    variables: Mapping[str, object] = {
        "DATA": place.folder.root,
        "SERVICE_USER": user,
        "CLUSTER_ID": place.state.kafka_cluster_id,
        **{f"{name.partition('.')[0].upper()}_PORT": _get_port(place, name) for name in PUBLISHED},
    }
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    write_private(place.folder.root / "compose.env", text.encode())


def _get_port(place: ContainerPlace, name: str) -> str:
    return place.get_published(name).partition(":")[2]


def _give_away(root: Path) -> None:
    """What root has prepared belongs to the user that runs in the containers."""
    for path in _walk(root):
        shutil.chown(path, IMAGE_USER, IMAGE_USER)


def _walk(root: Path) -> Iterator[Path]:
    yield root
    yield from root.rglob("*")

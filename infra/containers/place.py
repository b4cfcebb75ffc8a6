"""A deployment in containers: the names and ports that its services have there, and their settings.

Files stand in a data folder on the host; every container sees only the folder of its own service.
Starts nothing.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from infra.local import ports
from infra.local.folders import DataFolder, write_private
from infra.local.launch import describe_deployment, get_watched
from infra.local.place import Place
from infra.local.rows import Service, Table
from infra.local.toml import encode_toml

SERVICE_PORTS = {"http": 8000, "overlay": 8001, "private": 8002}
SETTINGS = "settings.toml"
INSIDE = Path("/run/secrets")
IMAGE_USER = 10001
"""The user of tokend's image: services run as this user if root prepared the deployment."""


def get_published_ports(table: Table) -> dict[str, int]:
    """The ports that users outside reach, by name, with their numbers in the containers."""
    servers = {s.name: s.container.published_port for s in table.servers}
    services = {f"{s.name}.http": SERVICE_PORTS["http"] for s in table.services if s.is_public}
    return {**{name: port for name, port in servers.items() if port is not None}, **services}


def get_variable(name: str) -> str:
    """The variable of compose.yaml for the host's port of `name`."""
    return f"{name.partition('.')[0].replace('-', '_').upper()}_PORT"


class ContainerPlace(Place):
    """Each service has a host name of its own, on which its ports are always the same.

    `state.ports` are those that the host publishes on 127.0.0.1.
    """

    def __init__(self, folder: DataFolder, table: Table) -> None:
        super().__init__(folder)
        self._ports = {name: port for s in table.servers for name, port in s.ports.items()}
        self._published = frozenset(get_published_ports(table))

    @property
    def listen_host(self) -> str:
        return "0.0.0.0"  # noqa: S104  # of the container, which publishes on 127.0.0.1

    def get_port(self, name: str) -> int:
        return self._ports.get(name) or SERVICE_PORTS[name.rpartition(".")[2]]

    def get_address(self, name: str) -> str:
        return f"{name.partition('.')[0]}:{self.get_port(name)}"

    def get_url(self, name: str) -> str:
        """Public services have the address that users know; the others that of their network."""
        published = self.get_published(name)
        return super().get_url(name) if published is None else f"http://{published}"

    def get_watched_folders(self) -> list[str]:
        """None: a service sees no disk but its own."""
        return []

    def get_published(self, name: str) -> str | None:
        """HOST:PORT on the machine that runs the containers; free when it is first asked for."""
        if name not in self._published:
            return None
        if name not in self.state.ports:
            self.state.ports[name] = ports.choose_port(self.state.ports.values())
        return f"127.0.0.1:{self.state.ports[name]}"


def prepare(root: Path, table: Table) -> ContainerPlace:
    """Writes keys, genesis, settings and secrets of a deployment. Again it writes the same."""
    folder = DataFolder(root.resolve())
    folder.make(is_shared=False)
    place = ContainerPlace(folder, table)
    place.state.profile = "all"
    table.prepare(place)
    services = table.get_services("all")
    place.watched = get_watched(services)
    for service in services:
        _write_service(place, service)
    for user in table.get_roles():  # the job that makes the users cannot write here
        place.get_kafka_login(user)
    for server in table.servers:
        home = place.get_service_folder(server.name)
        for name, content in server.get_container_files(place).items():
            write_private(home / name, content)
    _write_endpoints(place, table, services)
    _write_environment(place, table)
    place.save()
    if os.geteuid() == 0:
        _give_away(folder.root)
    return place


def _write_service(place: ContainerPlace, service: Service) -> None:
    """Its settings, and copies of the files that they name, as it sees them."""
    home = place.get_service_folder(service.name)
    text = encode_toml(service.get_settings(place))
    folder = place.folder
    known = [*folder.secrets.iterdir(), *folder.keks.iterdir(), *folder.config.glob("*.json")]
    for file in sorted(known, key=lambda each: -len(str(each))):
        if f'"{file}"' in text:
            write_private(home / file.name, file.read_bytes())
            text = text.replace(f'"{file}"', f'"{INSIDE / file.name}"')
    write_private(home / SETTINGS, text.encode())


def _write_endpoints(place: ContainerPlace, table: Table, services: tuple[Service, ...]) -> None:
    content = describe_deployment(place, table, table.get_servers("all"), services)
    text = msgspec.json.format(msgspec.json.encode(content)) + b"\n"
    write_private(place.folder.endpoints_file, text)


def _write_environment(place: ContainerPlace, table: Table) -> None:
    """The variables of compose.yaml: `docker-compose --env-file`. Nothing in them is secret."""
    published = {get_variable(n): place.get_published(n) for n in get_published_ports(table)}
    variables: Mapping[str, object] = {
        "DATA": place.folder.root,
        "SERVICE_USER": os.geteuid() or IMAGE_USER,
        **{k: v for s in table.servers for k, v in s.get_container_variables(place).items()},
        **{name: str(address).rpartition(":")[2] for name, address in published.items()},
    }
    text = "".join(f"{name}={value}\n" for name, value in variables.items())
    write_private(place.folder.root / "compose.env", text.encode())


def _give_away(root: Path) -> None:
    """What root has prepared belongs to the user that runs in the containers."""
    for path in _walk(root):
        shutil.chown(path, IMAGE_USER, IMAGE_USER)


def _walk(root: Path) -> Iterator[Path]:
    yield root
    yield from root.rglob("*")

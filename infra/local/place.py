"""What the rows of the table may know about their deployment: addresses and secrets."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from urllib.parse import quote

from gateways.sealing.file import make_content
from infra.local import ports
from infra.local.folders import DataFolder, State, make_password
from schemas.settings import KafkaSettings, Secret


class Place:
    """One deployment's addresses and secrets. Both are made when they are first asked for.

    `moved_ports`: remembered ports that another program had taken, as name: (old, new).
    `watched`: the services of the profile that have a health page.
    """

    def __init__(self, folder: DataFolder, state: State | None = None) -> None:
        self.folder = folder
        self.state = folder.load_state() if state is None else state
        self.moved_ports: dict[str, tuple[int, int]] = {}
        self.watched: tuple[str, ...] = ()

    def replace_taken_ports(self, names: Collection[str]) -> None:
        """Replaces remembered ports of `names` that other programs have taken since."""
        for name in names:
            old = self.state.ports.get(name)
            if old is not None and not ports.is_free(old):
                del self.state.ports[name]
                self.moved_ports[name] = (old, self.get_port(name))

    def get_port(self, name: str) -> int:
        """The TCP port on 127.0.0.1 of `name` (a service, or SERVICE.PURPOSE)."""
        if name not in self.state.ports:
            self.state.ports[name] = ports.choose_port(self.state.ports.values())
        return self.state.ports[name]

    @property
    def listen_host(self) -> str:
        """The address on which services listen."""
        return "127.0.0.1"

    def get_address(self, name: str) -> str:
        return f"127.0.0.1:{self.get_port(name)}"

    def get_published(self, name: str) -> str | None:
        """HOST:PORT for users outside; None if they cannot reach `name`."""
        return self.get_address(name)

    def get_url(self, name: str) -> str:
        return f"http://{self.get_address(name)}"

    def get_private_url(self, name: str) -> str:
        """As services reach it, which is not always as users do."""
        return f"http://{self.get_address(name)}"

    def get_gateway_settings(self, name: str) -> Mapping[str, str]:
        """A gateway as services ask it, with the address that their requests are signed for."""
        address = f"{name}.http"
        return {"url": self.get_private_url(address), "public_url": self.get_url(address)}

    def get_kafka_settings(self, user: str) -> Mapping[str, str]:
        """How `user` logs in to Kafka, as `schemas.settings.KafkaSettings` reads it."""
        return {
            "bootstrap_servers": self.get_address("kafka"),
            "user": user,
            "password_file": str(self.get_secret_file(f"kafka.{user}")),
        }

    def get_kafka_login(self, user: str) -> KafkaSettings:
        """The same with the password itself."""
        password = Secret(self.get_secret(f"kafka.{user}"))
        return KafkaSettings(
            bootstrap_servers=self.get_address("kafka"), user=user, password=password
        )

    def get_database_url(self, name: str, role: str | None = None, server: str = "postgres") -> str:
        """The URL of database `name` on `server` for `role`, by default the database's owner. It
        holds the role's password: never to be shown.
        """
        user = role or name
        password = quote(self.get_secret(f"{server}.{user}"), safe="")
        return f"postgresql://{user}:{password}@{self.get_address(server)}/{name}"

    def get_bucket_settings(self, user: str, bucket: str) -> Mapping[str, str]:
        """How `user` reaches a bucket, as `schemas.settings.BucketSettings` reads it."""
        return {
            "url": f"http://{self.get_address('s3')}",
            "bucket": bucket,
            "access_key": user,
            "secret_key_file": str(self.get_secret_file(f"s3.{user}")),
        }

    def get_secret(self, name: str) -> str:
        return self.folder.get_secret(name)

    def get_secret_file(self, name: str, generate: Callable[[], str] = make_password) -> Path:
        return self.folder.get_secret_file(name, generate)

    def get_kek_file(self, name: str) -> Path:
        """Key-encryption keys, which lie apart from all other secrets and are in no backup."""
        return self.folder.get_kek_file(name, make_content)

    def get_settings_file(self, service: str) -> Path:
        return self.folder.config / f"{service}.toml"

    def get_service_folder(self, service: str) -> Path:
        """The service's own folder, for caches that it may lose."""
        folder = self.folder.services / service
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def get_watched_folders(self) -> list[str]:
        """Folders whose disks are watched for room, as services see them."""
        return [str(self.folder.root)]

    def save(self) -> None:
        self.folder.save_state(self.state)

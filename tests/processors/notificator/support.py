"""A Notificator as it runs: its processes, its database and topics, and the sandbox behind it."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
from confluent_kafka import Producer

from infra.local.kafka_admin import Topic
from infra.local.migrations import apply_migrations
from infra.local.ports import choose_port
from infra.local.processes import wait_until
from infra.local.toml import encode_toml
from schemas.codec import frame
from schemas.generated.events import AccountRecipient, NotificationRequest
from schemas.strkey import encode_account_id
from tests.processors.support import Log
from tests.support.network import Network, get_account, make_economy
from tests.support.sandbox import DOMAIN, SID, Sandbox
from tests.support.servers import Servers

MIGRATIONS = Path("processors/notificator/migrations")
TOKEN = "a token of tests"
# What `tokend run` does with this program's row of the table.
RUN = """
import os, pathlib, sys
from processors.notificator.app import main
from processors.notificator.config import NotificatorSettings
from schemas.settings import load_config
main(load_config(NotificatorSettings, pathlib.Path(sys.argv[1]), os.environ))
"""
NAMES = ("alice", "bob", "carol")


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class World:
    """All that an instance needs. `instances`: those that run."""

    servers: Servers
    folder: Path
    sandbox: Sandbox
    network: Network = field(default_factory=make_economy)
    url: str = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = self.servers.get_prefix("notify")
        self.url = self.servers.create_database("notify")
        apply_migrations(self.url, MIGRATIONS)
        self.log = Log(self.servers, f"{self.prefix}node1.ledgers")
        self.intake = f"{self.prefix}shop.notifications"
        self.receipts = f"{self.prefix}receipts"
        self.servers.create_topics([Topic(self.intake, 4), Topic(self.receipts, 1)])
        (self.folder / "genesis.json").write_bytes(msgspec.json.encode(self.network.genesis))
        self.contacts = self.folder / "contacts.json"
        self.set_contacts(
            {
                encode_account_id(get_account(name)): {
                    "email": f"{name}@example.org",
                    "phone": f"+4917000000{number:02}",
                }
                for number, name in enumerate(NAMES)
            }
        )
        settings = {**self.servers.kafka.get_client_settings(), "log_level": 0}
        self.producer = Producer(settings)

    def set_contacts(self, contacts: dict[str, Any]) -> None:
        self.contacts.write_text(json.dumps(contacts))

    def make_settings(self, name: str, port: int, **changes: Any) -> dict[str, Any]:
        kafka = self.servers.kafka
        return {
            "name": f"{self.prefix}{name}",
            "kafka": {
                "bootstrap_servers": kafka.bootstrap_servers,
                "user": kafka.user,
                "password": kafka.password.reveal(),
            },
            "genesis_file": str(self.folder / "genesis.json"),
            "ledgers_topic": self.log.topic,
            "http": {"listen": f"127.0.0.1:{port}", "token": TOKEN},
            "database": {"url": self.url},
            "key": "a key of tests",
            "contacts_file": str(self.contacts),
            "intake_topics": [self.intake],
            "receipts_topic": self.receipts,
            "email": {"sender": "Tokend <noreply@example.org>", "providers": ["mailgun"]},
            "mailgun": {"domain": DOMAIN, "api_key": "key", "url": self.sandbox.url},
            "twilio": {
                "account_sid": SID,
                "auth_token": "token",
                "sender": "+491700000000",
                "url": self.sandbox.url,
            },
            "sms": {"countries": ["+49"]},
            "webhooks": {"allowed": [self.sandbox.url.removeprefix("http://")]},
            "engine": {
                "pause_s": 0.1,
                "search_s": 1.0,
                "back_off_s": 0.2,
                "back_off_max_s": 1.0,
                "timeout_s": 3.0,
                "lease_s": 4.0,
            },
            "alarms": {"every_s": 0.5, "after_s": 1.0, "free_bytes_min": 0},
            "operators": {"email": "operators@example.org"},
            **changes,
        }

    @contextlib.contextmanager
    def run(self, name: str = "one", **changes: Any) -> Iterator["Instance"]:
        port = choose_port([])
        config = self.folder / f"{name}.toml"
        config.write_text(encode_toml(self.make_settings(name, port, **changes)))
        config.chmod(0o600)
        instance = Instance(config, f"http://127.0.0.1:{port}", self.folder / f"{name}.log")
        instance.start()
        try:
            instance.wait_until_ready()
            yield instance
        finally:
            instance.stop()

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(text.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def get_states(self) -> dict[str, int]:
        rows = self.query("SELECT state, count(*) FROM notificator.messages GROUP BY state")
        return {str(state): int(count) for state, count in rows}

    def get_message(self, token: str) -> tuple[str, str]:
        """State and reason."""
        rows = self.query("SELECT state, reason FROM notificator.messages WHERE token = %s", token)
        return rows[0] if rows else ("", "")

    def wait_for(self, token: str, *states: str, seconds: float = 30) -> tuple[str, str]:
        self.wait_until(lambda: self.get_message(token)[0] in states, seconds)
        return self.get_message(token)

    def wait_until(self, condition: Callable[[], bool], seconds: float = 30) -> None:
        assert wait_until(condition, seconds), self.describe()

    def describe(self) -> str:
        logs = [file.read_text()[-3_000:] for file in self.folder.glob("*.log")]
        rows = self.query("SELECT state, reason, count(*) FROM notificator.messages GROUP BY 1, 2")
        return f"{rows} {logs}"

    def request(self, name: str = "alice", **changes: Any) -> NotificationRequest:
        """For somebody, of a type with a text."""
        request = NotificationRequest(
            type="message",
            token=secrets.token_hex(16),
            recipient=AccountRecipient(get_account(name)),
            locale="en",
            data=msgspec.json.encode({"subject": "S", "text": "T"}),
            sealed_data=None,
            caused_at_ms=get_now_ms(),
        )
        return msgspec.structs.replace(request, **changes) if changes else request

    def produce(self, *records: NotificationRequest | bytes) -> None:
        for record in records:
            data = record if isinstance(record, bytes) else frame(record)
            key = secrets.token_bytes(4)
            self.producer.produce(self.intake, data, key)
            self.producer.poll(0)
        assert self.producer.flush(30) == 0


@dataclass
class Instance:
    """A process, which may be killed and started again."""

    config: Path
    url: str
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(self.config)],
                stdout=log,
                stderr=log,
                env=os.environ,
            )

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx2.get(f"{self.url}/health", timeout=2).status_code == 200
        except httpx2.TransportError:
            return False

    def wait_until_ready(self) -> None:
        assert wait_until(self.is_ready, 120), self.log.read_text()

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> None:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(30)

    def ask(self, method: str, path: str, content: Any = None, token: str = TOKEN) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.request(method, self.url + path, headers=headers, json=content, timeout=20)

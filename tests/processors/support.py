"""Topics with ledgers, databases with views and real processor processes, for tests."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg
from confluent_kafka import Producer

from infra.local.kafka_admin import Topic
from infra.local.processes import wait_until
from processors.horizon.audit import audit
from processors.horizon.config import HorizonSettings
from processors.horizon.schema import LIVE, create_schema
from processors.horizon.state_rows import STATE_TABLES
from processors.horizon.store import open_connection
from schemas.codec import frame
from schemas.generated.ledger import LedgerRecord
from schemas.settings import DatabaseSettings, Secret
from schemas.topics import MESSAGE_BYTES_MAX
from tests.support.network import Network
from tests.support.servers import Servers

# What `tokend run` does with this program's row of the table.
RUN = """
import os, pathlib, sys
from processors.horizon.app import main
from processors.horizon.config import HorizonSettings
from schemas.settings import load_config
main(load_config(HorizonSettings, pathlib.Path(sys.argv[1]), os.environ))
"""
HISTORY = ("ledgers", "transactions", "operations", "participants", "movements")
STATE = (*(table.name for table in STATE_TABLES), "used_references")


class Log:
    """A topic that a node might publish its ledgers, or its rejections, on."""

    def __init__(self, servers: Servers, topic: str) -> None:
        self.topic = topic
        servers.create_topics([Topic(topic, 1)])
        self.producer = Producer(
            {
                **servers.kafka.get_client_settings(),
                "message.max.bytes": MESSAGE_BYTES_MAX,
                "enable.idempotence": True,
                "linger.ms": 0,
                "log_level": 0,
            }
        )

    def publish(self, *records: Any) -> None:
        """Values of the contract, or bytes as they are."""
        for record in records:
            data = record if isinstance(record, bytes) else frame(record)
            self.producer.produce(self.topic, data, partition=0)
        assert self.producer.flush(30) == 0


@dataclass
class Views:
    """A migrated database, a node's topics, and processors that fill one from the other."""

    servers: Servers
    folder: Path
    network: Network
    prefix: str = field(init=False)
    url: str = field(init=False)
    log: Log = field(init=False)
    rejections: Log = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = self.servers.get_prefix("horizon")
        self.url = self.servers.create_database("horizon")
        with self.connect() as connection:
            create_schema(connection, LIVE)
        self.log = Log(self.servers, f"{self.prefix}node1.ledgers")
        self.rejections = Log(self.servers, f"{self.prefix}node1.rejections")
        genesis = self.folder / "genesis.json"
        genesis.write_bytes(msgspec.json.encode(self.network.genesis))

    def get_settings(self, **changes: Any) -> HorizonSettings:
        settings = HorizonSettings(
            name=f"{self.prefix}processor",
            kafka=self.servers.kafka,
            database=DatabaseSettings(url=Secret(self.url)),
            genesis_file=str(self.folder / "genesis.json"),
            ledgers_topic=self.log.topic,
            rejections_topics=(self.rejections.topic,),
        )
        return msgspec.structs.replace(settings, **changes)

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(self.url, autocommit=True)

    def query(self, text: str, *values: Any) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(text.encode(), values).fetchall()

    def get_sequence(self) -> int:
        rows = self.query("SELECT sequence FROM horizon.progress")
        return rows[0][0] if rows else 0

    def get_rows(self, schema: str = "horizon") -> dict[str, list[tuple[Any, ...]]]:
        """All rows of all tables, sorted."""
        return {
            table: sorted(self.query(f"SELECT * FROM {schema}.{table}"), key=repr)  # noqa: S608
            for table in (*HISTORY, *STATE)
        }

    def is_right(self) -> bool:
        """Whether current state hashes to the root in the last ledger's header."""
        with open_connection(self.url) as connection:
            return audit(connection).is_equal

    @contextlib.contextmanager
    def run(self, **changes: Any) -> Iterator["Processor"]:
        """A processor process; it is stopped at the end unless it ended before."""
        processor = Processor(self, self.get_settings(**changes))
        try:
            yield processor
        finally:
            processor.end()

    def fold(self, records: Iterable[LedgerRecord]) -> None:
        """Publishes `records` and lets a processor bring the views to the last of them."""
        records = list(records)
        self.log.publish(*records)
        with self.run() as processor:
            processor.wait_for(self.get_sequence() + len(records))


class Processor:
    """A real process, and what it wrote to its log."""

    def __init__(self, views: Views, settings: HorizonSettings) -> None:
        self.views = views
        self.log_file = views.folder / f"processor-{time.monotonic_ns()}.log"
        config = views.folder / "horizon.toml"
        config.write_text(encode_toml(settings))
        config.chmod(0o600)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", RUN, str(config)], stdout=log, stderr=log, env=os.environ
            )

    def wait_for(self, sequence: int, seconds: float = 60) -> None:
        self.wait_until(lambda: self.views.get_sequence() >= sequence, seconds)

    def wait_until(self, is_done: Callable[[], bool], seconds: float = 60) -> None:
        def is_over() -> bool:
            return is_done() or self.process.poll() is not None

        assert wait_until(is_over, seconds), f"it takes too long: {self.read_log()}"
        assert is_done(), f"it ended: {self.read_log()}"

    def wait_for_end(self, seconds: float = 60) -> int:
        return self.process.wait(seconds)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def end(self) -> None:
        if self.process.poll() is None:
            self.stop()

    def read_log(self) -> str:
        return self.log_file.read_text()

    def get_events(self) -> list[dict[str, Any]]:
        lines = self.read_log().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def get_alarms(self) -> list[str]:
        return [event["reason"] for event in self.get_events() if event.get("alarm")]


def encode_toml(settings: HorizonSettings) -> str:
    plain = msgspec.to_builtins(settings, enc_hook=lambda secret: secret.reveal())
    tables = {name: value for name, value in plain.items() if isinstance(value, dict)}
    lines = [f"{n} = {json.dumps(v)}" for n, v in plain.items() if n not in tables]
    for name, table in tables.items():
        lines += [f"[{name}]", *(f"{n} = {json.dumps(v)}" for n, v in table.items())]
    return "\n".join(lines)

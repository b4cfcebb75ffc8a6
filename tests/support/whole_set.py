"""A whole network of real processes, and what must hold of it whatever happened to it."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Collection, Iterator
from typing import Any

import psycopg
from confluent_kafka import Consumer, TopicPartition

from infra.local import launch, network, processes
from infra.local.health import get_status
from infra.local.table import TABLE
from processors.horizon import replay
from processors.horizon.config import HorizonSettings
from schemas.codec import decode, unframe
from schemas.generated.common import Hash
from schemas.generated.ledger import LedgerBody, LedgerRecord
from schemas.settings import load_config
from streams.ledger.chain import get_genesis_position, verify_record
from streams.ledger.genesis import decode_genesis, open_genesis
from tests.support.servers import NativeServers, make_folder
from tests.support.workload import Set, get_reader_settings

LEVEL_S = 60


class WholeSet(NativeServers):
    """Four core nodes and two Horizon pairs."""

    @property
    def workload(self) -> Set:
        return Set.open(self.running.place.folder.root)

    def get_statuses(self) -> dict[str, dict[str, Any] | None]:
        place = self.running.place
        return {
            core: get_status(
                place.get_address(f"{core}.http"),
                "/status",
                place.get_secret_file(f"{core}.token", str).read_text().strip(),
            )
            for core in network.CORES
        }

    def wait_until_level(self) -> int:
        """Returns the sequence at which all nodes have, and have published, the same header."""
        deadline = time.monotonic() + LEVEL_S
        while time.monotonic() < deadline:
            statuses = self.get_statuses()
            heads = {
                (s["sequence"], s["header_hash"], s["published"]) for s in statuses.values() if s
            }
            if None not in statuses.values() and len(heads) == 1:
                sequence, _, published = next(iter(heads))
                if sequence == published:
                    return int(sequence)
            time.sleep(0.2)
        raise TimeoutError(f"the nodes are not level: {statuses}")

    def read_ledgers(self, core: str, last: int) -> dict[Hash, int]:
        """Every transaction of ledgers 1 to `last` with how often it stands in them; verified."""
        genesis_file = network.get_genesis_file(self.running.place)
        opened = open_genesis(decode_genesis(genesis_file.read_bytes()))
        position = get_genesis_position(opened.closed.header.network_id)
        consumer = Consumer(get_reader_settings(self.bootstrap_servers))
        consumer.assign([TopicPartition(f"{core}.ledgers", 0, 0)])
        counts: dict[Hash, int] = {}
        seen: dict[int, bytes] = {}
        while position.sequence < last:
            message = consumer.poll(LEVEL_S)
            assert message is not None, f"{core}.ledgers ends at {position.sequence}, not {last}"
            record = unframe(LedgerRecord, message.value() or b"")
            sequence = int.from_bytes(message.key() or b"", "big")
            if sequence in seen:  # an acknowledgement was lost: a repeat must be equal
                assert seen[sequence] == record.header
                continue
            seen[sequence] = record.header
            position = verify_record(position, record, opened.closed.header_hash).position
            for applied in decode(LedgerBody, record.body).transactions:
                counts[applied.transaction_hash] = counts.get(applied.transaction_hash, 0) + 1
        consumer.close()
        return counts

    def check(self, acknowledged: Collection[Hash]) -> None:
        """Equal hashes, every acknowledged transaction exactly once, Horizon equal to a replay."""
        last = self.wait_until_level()
        for core in network.CORES:
            counts = self.read_ledgers(core, last)
            assert set(counts.values()) <= {1}, f"{core} closed a transaction twice"
            assert set(acknowledged) <= counts.keys(), f"{core} lost a transaction"
        for pair in network.PAIRS:
            self.check_views(pair, last)

    def check_views(self, pair: str, last: int) -> None:
        place = self.running.place
        file = place.get_settings_file(f"horizon{pair}")
        settings = load_config(HorizonSettings, file, {})
        deadline = time.monotonic() + LEVEL_S
        with psycopg.connect(settings.database.url.reveal(), autocommit=True) as connection:
            while True:
                row = connection.execute("SELECT sequence FROM horizon.progress").fetchone()
                if row is not None and row[0] >= last:
                    break
                assert time.monotonic() < deadline, f"horizon{pair} stays behind: {row} of {last}"
                time.sleep(0.2)
        outcome = replay.run(settings, verify=True)
        assert outcome.audit.is_equal
        assert outcome.differences == []


@contextlib.contextmanager
def start_whole_set(profile: str = "all") -> Iterator[WholeSet]:
    """A network of its own for the time of the context; nothing is left of it afterwards."""
    root = make_folder()
    lines: list[str] = []
    try:
        running = asyncio.run(launch.start_set(root, TABLE, profile, lines.append))
        try:
            yield WholeSet(running)
        finally:
            running.stop(lines.append)
        assert processes.find_processes(root) == []
    finally:
        shutil.rmtree(root, ignore_errors=True)

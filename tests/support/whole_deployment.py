"""A whole network of real processes, and what must hold of it whatever happened to it."""

import asyncio
import contextlib
import dataclasses
import re
import shutil
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg

from infra.local import launch, network, processes
from infra.local.health import get_status
from infra.local.rows import Table
from infra.local.table import TABLE
from processors.horizon import replay
from processors.horizon.audit import audit
from processors.horizon.config import HorizonSettings
from processors.horizon.schema import Connection
from processors.horizon.store import open_connection
from schemas.generated.common import Hash
from schemas.settings import KafkaSettings, load_config
from streams.ledger.chain import get_genesis_position
from streams.ledger.genesis import decode_genesis, open_genesis
from tests.support.ledger_reader import LedgerReader
from tests.support.servers import NativeServers, make_folder
from tests.support.workload import Deployment, Follower, make_payments

LEVEL_S = 60
CLOSED_S = 60
END_S = 60
START_S = 60
UNBALANCED = """
SELECT code, issued, sum(amount + locked) FROM horizon.asset_supplies
LEFT JOIN horizon.balances ON asset = code
GROUP BY code, issued HAVING issued <> coalesce(sum(amount + locked), 0)"""
HISTORY = {
    "ledgers": "t.sequence",  # whose certificates may differ: any that suffices is one
    "transactions": "t.id >> 32",
    "operations": "t.id >> 32",
    "participants": "t.operation_id >> 32",
    "movements": "t.id >> 32",
}
DIGEST = """
SELECT count(*), sum(hashtextextended((to_jsonb(t) - 'certificate')::text, 0)::numeric)
FROM horizon.{} t WHERE {} BETWEEN %s AND %s"""


class WholeDeployment(NativeServers):
    """Four core nodes and two Horizon pairs."""

    def __init__(self, running: launch.RunningDeployment) -> None:
        super().__init__(running)
        self.acknowledged: set[Hash] = set()
        self.turn = 0
        self.checked = 0  # the last ledger of the check before
        place = self.running.place
        genesis_file = network.get_genesis_file(place)
        opened = open_genesis(decode_genesis(genesis_file.read_bytes()))
        self.readers = {
            core: LedgerReader(
                self.kafka,
                f"{core}.ledgers",
                opened.closed.header_hash,
                get_genesis_position(opened.closed.header.network_id),
            )
            for core in network.CORES
        }

    @property
    def kafka(self) -> KafkaSettings:
        """That of the users: what the services may do is theirs alone."""
        return self.workload.kafka

    @property
    def workload(self) -> Deployment:
        return Deployment.open(self.running.place.folder.root)

    @contextlib.contextmanager
    def under_load(
        self,
        names: list[str],
        follow: str,
        count: int,
        rate: float,
        closed_s: float = CLOSED_S,
        *,
        ends_early: bool = False,
    ) -> Iterator[None]:
        """Payments are produced from here on. At the end of the context all of them were, and
        stand in ledgers of node `follow` within `closed_s`; `check` asks for them ever after. If it
        `ends_early`, no more are produced once the body has ended."""
        load = self.workload
        payments = make_payments(load, names, count)
        follower = Follower.open(load.kafka, follow)
        hashes: set[Hash] = set()
        is_over = threading.Event()

        def get_envelopes() -> Iterator[bytes]:
            for transaction_hash, envelope in payments:
                if is_over.is_set():
                    return
                hashes.add(transaction_hash)
                yield envelope

        producing = threading.Thread(target=load.produce, args=(get_envelopes(), rate))
        producing.start()
        try:
            yield
        finally:
            if ends_early:
                is_over.set()
            producing.join()
        try:
            follower.wait_for(hashes, closed_s)
        except TimeoutError as error:
            raise TimeoutError(f"{error}: {self.get_statuses()}") from None
        self.acknowledged |= hashes

    def arm(self, name: str, switches: Sequence[str]) -> None:
        """At each of its next starts the process has one of these switches of
        `streams.kill_points`, in their order; then no more."""
        file = self.running.place.get_settings_file(name)
        file.with_name(f"{file.name}.crash").write_text("".join(f"{each}\n" for each in switches))

    def wait_until_running(self, names: Collection[str]) -> None:
        """All of them have a process: their supervisor needs a moment to see that one died."""
        state_of = self.running.control.get_state

        def are_alive() -> bool:
            return all(processes.is_alive(state_of(name).process_id) for name in names)

        assert processes.wait_until(are_alive, START_S), f"not all run: {names}"

    def count_deaths(self, name: str, label: str) -> int:
        """How often process `name` has died at that kill point."""
        log = self.running.place.folder.logs / f"{name}.log"
        return log.read_text(errors="replace").count(f"killed at {label},")

    def restart(self) -> None:
        """Starts it again after its supervisor was killed, as an operator does."""
        root = self.running.place.folder.root
        lines: list[str] = []
        self.running.stop(lines.append)
        table, profile = self.running.table, self.running.profile
        self.running = asyncio.run(launch.start_deployment(root, table, profile, lines.append))

    def has_ended(self) -> bool:
        """Whether no process is left, without anybody's help."""
        root = self.running.place.folder.root
        return processes.wait_until(lambda: not processes.find_processes(root), END_S)

    def get_process_ids(self, cores: Collection[str] = network.CORES) -> dict[str, int]:
        """Of these nodes, which run."""
        return {core: self.get_process_id(core) for core in cores}

    def get_memory(self, cores: Collection[str] = network.CORES) -> dict[str, int]:
        """The most bytes that were ever resident of these nodes."""
        return {core: _get_peak_bytes(self.get_process_id(core)) for core in cores}

    def get_statuses(self) -> dict[str, dict[str, Any] | None]:
        return {core: self.get_node_status(core) for core in network.CORES}

    def get_node_status(self, core: str) -> dict[str, Any] | None:
        """Also of one that joined later."""
        place = self.running.place
        token = place.get_secret_file(f"{core}.token", str).read_text().strip()
        return get_status(place.get_address(f"{core}.http"), "/status", token)

    def wipe(self, core: str) -> None:
        """A node that does not run loses its database."""
        url = self.running.place.get_database_url(core)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "TRUNCATE entries, ledgers, hash_window, statements, transaction_sets"
            )
            connection.execute("TRUNCATE ingest_offsets, reference_window")
            connection.execute("UPDATE archive SET archived = 0, snapshot = 0")

    def is_back(self, core: str, sequence: int) -> bool:
        """Whether the node is beyond `sequence`, and with the others."""
        status = self.get_node_status(core) or {}
        return bool(
            status.get("sequence", 0) > sequence
            and status["behind"] == 0
            and status["published"] >= status["sequence"] - 2
        )

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
            time.sleep(0.1)
        raise TimeoutError(f"the nodes are not level: {statuses}")

    def check(self, acknowledged: Collection[Hash] = ()) -> None:
        """Equal hashes, every transaction that was ever acknowledged in the ledger exactly once,
        conservation per asset, Horizon equal to a fresh replay: the current state and the history
        since the last check of one pair, in turn. The other pair has the same history since then,
        and its state has the root that the header says."""
        self.acknowledged |= set(acknowledged)
        # What Kafka alone has acknowledged may stand in the next ledger only.
        processes.wait_until(self._has_closed_all, CLOSED_S)
        last = self.readers[network.CORES[0]].position.sequence
        for core, reader in self.readers.items():
            twice = [each.hex() for each, count in reader.counts.items() if count > 1]
            assert twice == [], f"{core} closed transactions twice"
            lost = self.acknowledged - reader.counts.keys()
            assert lost == set(), f"{core} lost {len(lost)} transactions"
        self.turn += 1
        pairs = sorted(network.PAIRS, key=lambda pair: (int(pair) + self.turn) % len(network.PAIRS))
        first = self.checked + 1
        self.replay_views(pairs[0], first, last)
        for pair in pairs[1:]:
            self.audit_views(pair, last)
        digests = [self.get_digest(pair, first, last) for pair in pairs]
        assert digests[1:] == digests[:-1], "the views' histories differ"
        self.checked = last

    def _has_closed_all(self) -> bool:
        """Whether the ledgers so far, which it reads, hold all that was acknowledged."""
        last = self.wait_until_level()
        for reader in self.readers.values():
            reader.read_to(last)
        return all(self.acknowledged <= each.counts.keys() for each in self.readers.values())

    def replay_views(self, pair: str, first: int, last: int) -> None:
        """The pair's views, at ledger `last` or later, are those of a fresh replay: all of their
        state, and their history from ledger `first` on."""
        settings = self.get_processor_settings(pair)
        self.wait_for_views(pair, last)
        outcome = replay.run(settings, first, verify=True)
        assert outcome.audit.is_equal
        assert outcome.differences == []

    def audit_views(self, pair: str, last: int) -> None:
        """The pair's state, at ledger `last` or later, has the root that the header says."""
        self.wait_for_views(pair, last)
        with self.open_views(pair) as connection:
            assert audit(connection).is_equal, f"horizon{pair} has another state"

    def get_digest(self, pair: str, first: int, last: int) -> list[tuple[Any, ...]]:
        """Of the pair's history from ledger `first` to `last`. Its balances add up."""
        with self.open_views(pair) as connection:
            assert connection.execute(UNBALANCED).fetchall() == [], "value was made or lost"
            queries = [DIGEST.format(table, column) for table, column in HISTORY.items()]
            rows = [
                connection.execute(query.encode(), (first, last)).fetchall() for query in queries
            ]
        return [row for found in rows for row in found]

    def open_views(self, pair: str) -> contextlib.AbstractContextManager[Connection]:
        return open_connection(self.get_processor_settings(pair).database.url.reveal())

    def get_processor_settings(self, pair: str) -> HorizonSettings:
        file = self.running.place.get_settings_file(f"horizon{pair}")
        return load_config(HorizonSettings, file, {})

    def wait_for_views(self, pair: str, last: int) -> None:
        url = self.get_processor_settings(pair).database.url.reveal()
        with psycopg.connect(url, autocommit=True) as connection:

            def get_sequence() -> int:
                row = connection.execute("SELECT sequence FROM horizon.progress").fetchone()
                return 0 if row is None else int(row[0])

            is_there = processes.wait_until(lambda: get_sequence() >= last, LEVEL_S)
            assert is_there, f"horizon{pair} stays behind: {get_sequence()} of {last}"


def _get_peak_bytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(kibibytes) * 1024


def make_table() -> Table:
    """What `tokend up` runs, each service by way of a script that tests can arm."""
    script = Path(__file__).with_name("run_service.sh")
    return dataclasses.replace(TABLE, runner=("sh", str(script), *TABLE.runner))


@contextlib.contextmanager
def start_whole_deployment(profile: str = "all") -> Iterator[WholeDeployment]:
    """A network of its own for the time of the context; nothing is left of it afterwards."""
    root = make_folder()
    lines: list[str] = []
    try:
        running = asyncio.run(launch.start_deployment(root, make_table(), profile, lines.append))
        whole_deployment = WholeDeployment(running)
        try:
            yield whole_deployment
        finally:
            whole_deployment.running.stop(lines.append)
        assert processes.find_processes(root) == []
    finally:
        shutil.rmtree(root, ignore_errors=True)

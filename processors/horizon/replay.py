"""Replay: the views built anew from the log beside the live ones, shown to be right, swapped in.

Every record is verified as the live processor does. It may be interrupted at any moment: what was
written stays, and the next run goes on from there. The live processor keeps writing meanwhile and
does not notice the swap.
"""

import gc
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from psycopg import IsolationLevel

from processors.horizon.audit import Audit, audit
from processors.horizon.config import HorizonSettings
from processors.horizon.indexes import make_indexes
from processors.horizon.rebuild import (
    Difference,
    ReplayProgress,
    analyze,
    compare,
    copy_older_history,
    lock_swap,
    open_replay,
    swap,
    try_lock_replay,
    unlock_swap,
    write_replay_progress,
)
from processors.horizon.schema import Connection, check_schema, try_drop_schema
from processors.horizon.store import LedgerStore, open_connection, read_progress
from processors.horizon.writer import LedgerWriter, get_feed
from processors.ledger_feed.network import load_network
from processors.ledger_feed.topic import Message, TopicReader, open_topic

RECORDS_AT_ONCE = 100
REPORT_EVERY_S = 0.5

Report = Callable[[ReplayProgress], None]


class ReplayError(Exception):
    """The replay cannot go on, or must not be swapped in; the message says why and what to do."""


@dataclass(slots=True, frozen=True)
class ReplayOutcome:
    """`seconds`: until all was written and indexed. `differences`: None unless asked to verify.
    `is_live`: the rebuilt views serve now. `left`: schemas that are no longer needed and that a
    reader held; the next replay drops them.
    """

    sequence: int
    transactions: int
    seconds: float
    audit: Audit
    differences: list[Difference] | None
    is_live: bool
    left: tuple[str, ...] = ()


def run(
    settings: HorizonSettings,
    from_sequence: int = 1,
    verify: bool = False,
    report: Report = lambda _: None,
    *,
    is_outdated: bool = False,
) -> ReplayOutcome:
    """Rebuilds the views up to the live ones' ledger, audits them against its state root, and
    swaps them in; with `verify` compares them with the live ones instead, and leaves those.

    History before `from_sequence` is copied from the live views instead of rebuilt; current state
    always comes from the log. `is_outdated`: the live views are of another version; they are
    replaced by what the topic has. Raises `ReplayError`, and what the live processor raises on
    records that are not true.
    """
    if from_sequence < 1:
        raise ReplayError(f"there is no ledger {from_sequence}: the first is 1")
    network = load_network(settings.genesis_file)
    # What was imported stays: looking through it again and again takes a fifth of the folding.
    gc.collect()
    gc.freeze()
    with (
        open_connection(settings.database.url.reveal()) as connection,
        open_connection(settings.database.url.reveal()) as writing,
        open_topic(settings.kafka, settings.ledgers_topic) as reader,
        ThreadPoolExecutor(1, "committer") as committer,
    ):
        if not is_outdated:
            check_schema(connection)
        if not try_lock_replay(connection):
            raise ReplayError("another replay of these views runs already: wait for it")
        schema = open_replay(connection, from_sequence)
        store = LedgerStore(writing, network.genesis_hash, schema)
        progress = store.take_over()
        feed = get_feed(settings, network, connection, schema, progress)
        hint = None if progress is None else progress.kafka_offset
        offset = reader.get_start(feed.position.sequence + 1, hint)
        writer = LedgerWriter(
            feed,
            store,
            settings.ledgers_topic,
            offset,
            is_live=False,
            history_from=from_sequence,
            committer=committer,
        )
        replay = _Replay(connection, reader, writer, schema, from_sequence, report, is_outdated)
        return replay.run(settings.database.url.reveal(), is_swap=not verify)


def _show(roots: tuple[bytes, bytes]) -> str:
    return " and ".join(root.hex() for root in roots)


class _Replay:
    """One run. Times are monotonic seconds."""

    def __init__(
        self,
        connection: Connection,
        reader: TopicReader,
        writer: LedgerWriter,
        schema: str,
        from_sequence: int,
        report: Report,
        is_outdated: bool,
    ) -> None:
        self.connection = connection
        self.reader = reader
        self.writer = writer
        self.schema = schema
        self.from_sequence = from_sequence
        self.report = report
        self.is_outdated = is_outdated
        self.first_sequence = writer.feed.position.sequence
        self.started_s = time.monotonic()
        self.reported_s = 0.0
        self.target = 0
        self.left: list[str] = []

    def run(self, database_url: str, *, is_swap: bool) -> ReplayOutcome:
        self._catch_up()
        self._tell("indexing")
        make_indexes(self.connection, self.schema)
        replayed_s = time.monotonic() - self.started_s
        self._tell("auditing")
        result = self._audit()
        differences = None
        if is_swap:
            self._swap()
        else:
            differences = self._compare(database_url)
        return ReplayOutcome(
            self.writer.feed.position.sequence,
            self.writer.transactions,
            replayed_s,
            result,
            differences,
            is_swap,
            tuple(self.left),
        )

    def _catch_up(self) -> None:
        """Up to the live views' ledger and never beyond, so that both can be compared or swapped;
        where there are none, up to the topic's end.
        """
        while True:
            live = None if self.is_outdated else read_progress(self.connection)
            low, end = self.reader.get_range()
            if live is not None:
                self.target = live.position.sequence
            elif low < end:
                self.target = self.reader.get_sequence(end - 1)
            if self.writer.feed.position.sequence >= self.target:
                self.writer.flush()
                return
            self._read_to(end)

    def _read_to(self, end: int) -> None:
        while self.writer.feed.position.sequence < self.target:
            offset = self.writer.next_offset
            messages = self.reader.read(offset, min(RECORDS_AT_ONCE, end - offset))
            if not messages:
                raise ReplayError(
                    f"topic {self.reader.topic} ends at ledger"
                    f" {self.writer.feed.position.sequence}, the live views are at {self.target}:"
                    " name a topic that has all ledgers as `ledgers_topic`"
                )
            self.writer.write(self._get_wanted(messages))
            if time.monotonic() - self.reported_s >= REPORT_EVERY_S:
                self._tell("replaying")

    def _get_wanted(self, messages: list[Message]) -> Iterator[Message]:
        for message in messages:
            if self.writer.feed.position.sequence >= self.target:
                return
            yield message

    def _audit(self) -> Audit:
        result = audit(self.connection, self.schema)
        if not result.is_equal:
            self._tell("failed")
            raise ReplayError(
                f"the rebuilt views' roots at ledger {result.sequence} are"
                f" {_show(result.computed)}, the header's {_show(result.expected)}:"
                " this is a defect of tokend; the live views are untouched, the rebuilt ones are in"
                f" {self.schema}"
            )
        return result

    def _swap(self) -> None:
        if self.from_sequence > 1:
            self._tell("copying")
            copy_older_history(self.connection, self.schema, self.from_sequence)
        analyze(self.connection, self.schema)
        lock_swap(self.connection)
        try:
            self._catch_up()
            self._tell("swapping")
            old = swap(self.connection, self.schema, is_outdated=self.is_outdated)
        finally:
            unlock_swap(self.connection)
        if not try_drop_schema(self.connection, old):
            self.left.append(old)
        self.report(self._get_progress("done"))

    def _compare(self, database_url: str) -> list[Difference]:
        """In a snapshot taken while both views stand at one ledger; they go on meanwhile."""
        self._tell("comparing")
        with open_connection(database_url) as snapshot:
            snapshot.isolation_level = IsolationLevel.REPEATABLE_READ
            lock_swap(self.connection)
            try:
                self._catch_up()
                snapshot.autocommit = False
                snapshot.execute("SELECT 1")
            finally:
                unlock_swap(self.connection)
            differences = compare(snapshot, self.schema, self.from_sequence)
        if not differences and not try_drop_schema(self.connection, self.schema):
            self.left.append(self.schema)
        self.report(self._get_progress("done"))
        return differences

    def _tell(self, state: str) -> None:
        self.reported_s = time.monotonic()
        progress = self._get_progress(state)
        write_replay_progress(self.connection, progress)
        self.report(progress)

    def _get_progress(self, state: str) -> ReplayProgress:
        sequence = self.writer.feed.position.sequence
        passed_s = time.monotonic() - self.started_s
        ledgers = sequence - self.first_sequence
        eta_s = passed_s / ledgers * max(self.target - sequence, 0) if ledgers else None
        transactions = self.writer.transactions
        pace = transactions / passed_s if passed_s else 0.0
        return ReplayProgress(self.schema, state, sequence, self.target, transactions, pace, eta_s)

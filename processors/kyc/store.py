"""Writes cases and events into PostgreSQL. Rows and the position they follow from are one commit;
only the newest process can commit.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
import structlog

from processors.kyc.fold import CaseRow, EventRow, fold_event, fold_ledger
from processors.kyc.settings import ProjectionSettings
from processors.ledger_feed.feed import LedgerFeed
from processors.ledger_feed.follow import get_sequence
from processors.ledger_feed.network import Network
from processors.ledger_feed.topic import Message
from schemas.codec import Malformed, decode, encode, unframe
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from schemas.generated.events import KycEvent
from schemas.settings import ConfigError
from streams.ledger.chain import ChainPosition, VerifiedLedger, get_genesis_position

log = structlog.get_logger()
Connection = psycopg.Connection[Any]
LEDGERS_A_COMMIT = 200
KEPT = ("request_id", "kind", "requestor")
OPTIONAL = CaseRow._fields[6:]

BEGIN = """
INSERT INTO kyc.progress (network_id, genesis_hash, sequence, header_hash, close_time_ms,
    quorum_set, kafka_topic, kafka_offset) VALUES (%s, %s, %s, %s, %s, %s, %s, 0)
ON CONFLICT DO NOTHING"""
TAKE_OVER = """
UPDATE kyc.progress SET writer_epoch = writer_epoch + 1
RETURNING network_id, genesis_hash, sequence, header_hash, close_time_ms, quorum_set, kafka_topic,
    kafka_offset, events_offset, writer_epoch"""
ADVANCE = """
UPDATE kyc.progress SET sequence = %s, header_hash = %s, close_time_ms = %s, quorum_set = %s,
    kafka_topic = %s, kafka_offset = %s WHERE writer_epoch = %s"""
ADVANCE_EVENTS = "UPDATE kyc.progress SET events_offset = %s WHERE writer_epoch = %s"
EVENT = "INSERT INTO kyc.events VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
CASE = f"""
INSERT INTO kyc.cases AS c (request_id, kind, requestor, state, pending_tasks, changed_at_ms,
    {", ".join(OPTIONAL)})
VALUES (%(request_id)s, %(kind)s, %(requestor)s, %(state)s, %(pending_tasks)s, %(changed_at_ms)s,
    coalesce(%(account_id)s, %(requestor)s), %(role_id)s, %(commitment)s, %(schema_id)s,
    %(sequence_number)s, %(request_hash)s, %(all_tasks)s,
    coalesce(%(created_at_ms)s, %(changed_at_ms)s), coalesce(%(reason)s, ''),
    coalesce(%(reviewers)s::bytea[], '{{}}'))
ON CONFLICT (request_id) DO UPDATE SET state = excluded.state,
    pending_tasks = excluded.pending_tasks, changed_at_ms = excluded.changed_at_ms,
    {", ".join(f"{each} = coalesce(%({each})s, c.{each})" for each in OPTIONAL)}"""  # noqa: S608


class Fenced(Exception):
    """Another process writes these cases now: this one must stop."""


class CaseStore:
    """`connections`: one for ledgers, one for events, which are written at the same time. `feed`:
    stands where the cases do. `next_offset`: of the ledger record to come, `hint`: where
    that was when it last stopped; `events_offset`: of the event to come."""

    def __init__(
        self, connections: Sequence[Connection], settings: ProjectionSettings, network: Network
    ) -> None:
        self._connection, self._events_connection = connections
        self._topic = settings.ledgers_topic
        self.next_offset = 0
        self.hint: int | None = None
        self.events_offset = 0
        self._epoch = 1
        self.feed = LedgerFeed(
            settings.kafka,
            settings.peer_topics,
            network.genesis_hash,
            self._take_over(network),
            lambda _: None,
            settings.archives,
        )
        self._first = self.feed.position.sequence

    def _take_over(self, network: Network) -> ChainPosition:
        """Where the cases stand; fences every older process. Raises `ConfigError`."""
        first = get_genesis_position(network.network_id)
        begun = (first.sequence, first.header_hash, first.close_time_ms, encode(first.quorum_set))
        known = (network.network_id, network.genesis_hash)
        self._connection.execute(BEGIN, (*known, *begun, self._topic))
        row = self._connection.execute(TAKE_OVER).fetchone()
        if row is None or (row[0], row[1]) != known:
            raise ConfigError("database: it belongs to another network: name an empty one")
        sequence, header_hash, close_time_ms, quorum_set, topic, offset = row[2:8]
        self.events_offset, self._epoch = row[8:]
        self.hint = offset if topic == self._topic else None
        return ChainPosition(
            network.network_id,
            sequence,
            Hash(header_hash),
            close_time_ms,
            decode(QuorumSet, quorum_set),
        )

    def write_ledgers(self, messages: list[Message]) -> None:
        """All ledgers of `messages`. Raises what `LedgerFeed.receive` raises, and `Fenced`."""
        # What was written before this process began is not known by its hash any more.
        new = (each for each in messages if get_sequence(each.value) > self._first)
        for verified, offset in self.feed.receive_batches(new, LEDGERS_A_COMMIT):
            self.next_offset = offset
            self._commit(verified)
        self.next_offset = messages[-1].offset + 1

    def write_events(self, messages: list[Message]) -> None:
        """What nobody can read is told in the log and passed over. Raises `Fenced`."""
        rows = []
        for message in messages:
            try:
                rows.append(fold_event(unframe(KycEvent, message.value)))
            except Malformed as error:
                log.warning("unreadable", offset=message.offset, reason=str(error))
        offset = messages[-1].offset + 1
        connection = self._events_connection
        with connection.transaction(), connection.cursor() as cursor:
            self._advance(cursor.execute(ADVANCE_EVENTS, (offset, self._epoch)).rowcount)
            _insert_events(cursor, rows)
        self.events_offset = offset

    def _commit(self, verified: Sequence[VerifiedLedger]) -> None:
        position = verified[-1].position
        values = (
            position.sequence,
            position.header_hash,
            position.close_time_ms,
            encode(position.quorum_set),
            self._topic,
            self.next_offset,
            self._epoch,
        )
        with self._connection.transaction(), self._connection.cursor() as cursor:
            self._advance(cursor.execute(ADVANCE, values).rowcount)
            for each in verified:
                for row in fold_ledger(each.record.body, each.header.close_time_ms):
                    cursor.execute(CASE, _get_values(row))

    def _advance(self, count: int) -> None:
        if count != 1:
            raise Fenced("another process writes these cases: run one for a database")


def _insert_events(cursor: "psycopg.Cursor[Any]", rows: Sequence[EventRow]) -> None:
    if rows:
        cursor.executemany(EVENT, rows)


def _get_values(row: CaseRow) -> dict[str, Any]:
    reviewers = None if row.reviewers is None else list(row.reviewers)
    return {**row._asdict(), "reviewers": reviewers}

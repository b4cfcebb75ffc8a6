"""Refusals of core nodes, kept for an hour, so that gateways can tell who waits for a result.

They are provisional and prove nothing, so what cannot be read is logged and left out.
"""

import time
from collections.abc import Callable, Sequence

import structlog
from psycopg import sql

from processors.horizon.schema import LIVE, Connection, lock_against_swap
from processors.ledger_feed.topic import Message
from schemas.codec import Malformed, unframe
from schemas.generated.events import Rejection

log = structlog.get_logger()
REJECTION_CHANNEL = "horizon_rejection"
KEPT_MS = 3_600_000
SUFFIX = ".rejections"

INSERT = """
INSERT INTO horizon.rejections
    (envelope_hash, node, transaction_hash, code, detail, ledger_sequence, rejected_at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (envelope_hash, node) DO UPDATE SET
    code = excluded.code, detail = excluded.detail,
    ledger_sequence = excluded.ledger_sequence, rejected_at_ms = excluded.rejected_at_ms
"""


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


def get_writer(connection: Connection, topic: str) -> Callable[[list[Message]], None]:
    """What writes the records of one node's topic, one commit a batch."""
    node = topic.removesuffix(SUFFIX)

    def write(messages: list[Message]) -> None:
        write_rejections(connection, node, _decode(topic, messages))

    return write


def write_rejections(connection: Connection, node: str, rejections: Sequence[Rejection]) -> None:
    """Stores what is younger than an hour, drops what is older, and wakes who waits."""
    oldest_ms = get_now_ms() - KEPT_MS
    fresh = [each for each in rejections if each.rejected_at_ms >= oldest_ms]
    with connection.transaction(), connection.cursor() as cursor:
        lock_against_swap(connection)
        cursor.execute("DELETE FROM horizon.rejections WHERE rejected_at_ms < %s", (oldest_ms,))
        if not fresh:
            return
        cursor.executemany(INSERT, [_get_row(each, node) for each in fresh])
        hashes = [each.envelope_hash.hex() for each in fresh]
        cursor.execute(
            "SELECT pg_notify(%s, hash) FROM unnest(%s::text[]) AS hash",
            (REJECTION_CHANNEL, hashes),
        )


def copy_rejections(connection: Connection, schema: str) -> None:
    """From the live views into `schema`, which is about to take their place."""
    table = sql.Identifier(schema, "rejections")
    source = sql.Identifier(LIVE, "rejections")
    connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(table, source))


def _decode(topic: str, messages: list[Message]) -> list[Rejection]:
    rejections = []
    for message in messages:
        try:
            rejections.append(unframe(Rejection, message.value))
        except Malformed as error:
            log.warning("rejection_left_out", topic=topic, offset=message.offset, reason=str(error))
    return rejections


def _get_row(rejection: Rejection, node: str) -> tuple[object, ...]:
    return (
        rejection.envelope_hash,
        node,
        rejection.transaction_hash,
        rejection.code.name,
        rejection.detail.replace("\0", "\ufffd"),  # which PostgreSQL's text cannot hold
        rejection.ledger_sequence,
        rejection.rejected_at_ms,
    )

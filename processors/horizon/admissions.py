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
from schemas.generated.events import Admission

log = structlog.get_logger()
ADMISSION_CHANNEL = "horizon_admission"
KEPT_MS = 3_600_000
SUFFIX = ".admissions"

INSERT = """
INSERT INTO horizon.admissions
    (envelope_hash, node, transaction_hash, code, detail, ledger_sequence, refused_at_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (envelope_hash, node) DO UPDATE SET
    code = excluded.code, detail = excluded.detail,
    ledger_sequence = excluded.ledger_sequence, refused_at_ms = excluded.refused_at_ms
"""


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


def get_writer(connection: Connection, topic: str) -> Callable[[list[Message]], None]:
    """What writes the records of one node's topic, one commit a batch."""
    node = topic.removesuffix(SUFFIX)

    def write(messages: list[Message]) -> None:
        write_admissions(connection, node, _decode(topic, messages))

    return write


def write_admissions(connection: Connection, node: str, admissions: Sequence[Admission]) -> None:
    """Stores what is younger than an hour, drops what is older, and wakes who waits."""
    oldest_ms = get_now_ms() - KEPT_MS
    fresh = [each for each in admissions if each.refused_at_ms >= oldest_ms]
    with connection.transaction(), connection.cursor() as cursor:
        lock_against_swap(connection)
        cursor.execute("DELETE FROM horizon.admissions WHERE refused_at_ms < %s", (oldest_ms,))
        if not fresh:
            return
        cursor.executemany(INSERT, [_get_row(each, node) for each in fresh])
        hashes = [each.envelope_hash.hex() for each in fresh]
        cursor.execute(
            "SELECT pg_notify(%s, hash) FROM unnest(%s::text[]) AS hash",
            (ADMISSION_CHANNEL, hashes),
        )


def copy_admissions(connection: Connection, schema: str) -> None:
    """From the live views into `schema`, which is about to take their place."""
    table = sql.Identifier(schema, "admissions")
    source = sql.Identifier(LIVE, "admissions")
    connection.execute(sql.SQL("INSERT INTO {} SELECT * FROM {}").format(table, source))


def _decode(topic: str, messages: list[Message]) -> list[Admission]:
    admissions = []
    for message in messages:
        try:
            admissions.append(unframe(Admission, message.value))
        except Malformed as error:
            log.warning("admission_left_out", topic=topic, offset=message.offset, reason=str(error))
    return admissions


def _get_row(admission: Admission, node: str) -> tuple[object, ...]:
    return (
        admission.envelope_hash,
        node,
        admission.transaction_hash,
        admission.code.name,
        admission.detail.replace("\0", "\ufffd"),  # which PostgreSQL's text cannot hold
        admission.ledger_sequence,
        admission.refused_at_ms,
    )

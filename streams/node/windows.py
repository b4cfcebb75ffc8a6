"""The hash window and the reference windows in a node's PostgreSQL. Shell; no decisions.

Both are stored as what each ledger added to each bucket. References are partitioned by bucket, so
that a day is dropped whole.
"""

from typing import Any

import psycopg
from psycopg import sql

from schemas.generated.common import Hash
from streams.archive.snapshot import SnapshotRows
from streams.ledger.close import ClosedLedger
from streams.ledger.hash_window import MINUTE_MS, HashWindow, split_hashes
from streams.ledger.references import (
    Bucket,
    ReferenceRow,
    ReferenceWindow,
    compute_bucket_number,
    get_bucket,
)

WRITE_HASHES = "INSERT INTO hash_window (sequence, minute, running, hashes) VALUES (%b, %b, %b, %b)"
WRITE_REFERENCES = """
INSERT INTO reference_window (sequence, bucket, running, uses) VALUES (%b, %b, %b, %b)"""

Connection = psycopg.Connection[tuple[Any, ...]]


def load_hash_window(connection: Connection) -> HashWindow:
    window = HashWindow()
    rows = connection.execute(
        "SELECT minute, running, hashes FROM hash_window ORDER BY sequence", binary=True
    )
    window.restore(
        (minute, Hash(running), split_hashes(hashes)) for minute, running, hashes in rows
    )
    return window


def load_reference_window(connection: Connection) -> ReferenceWindow:
    window = ReferenceWindow()
    with connection.transaction(), connection.cursor("references", binary=True) as cursor:
        cursor.itersize = 5_000  # rows, of up to a ledger's references each
        cursor.execute(
            "SELECT sequence, bucket, running, uses FROM reference_window ORDER BY sequence"
        )
        window.restore(
            (sequence, ReferenceRow(*get_bucket(bucket), Hash(running), uses))
            for sequence, bucket, running, uses in cursor
        )
    return window


def write_windows(cursor: psycopg.Cursor[Any], closed: ClosedLedger) -> None:
    """What a ledger added to both, and what it dropped."""
    sequence = closed.header.sequence
    for minute, running, hashes in closed.window_rows:
        cursor.execute(WRITE_HASHES, (sequence, minute, running, b"".join(hashes)))
    passed = closed.header.close_time_ms // MINUTE_MS
    cursor.execute("DELETE FROM hash_window WHERE minute < %b", (passed,))
    for bucket in closed.dropped_references:
        cursor.execute(sql.SQL("DROP TABLE {}").format(_get_partition(bucket)))
    for row in closed.reference_rows:
        bucket = (row.kind, row.day)
        if row.is_first:
            _create_partition(cursor, bucket)
        values = (sequence, compute_bucket_number(bucket), row.running, row.uses)
        cursor.execute(WRITE_REFERENCES, values, binary=True)


def replace_windows(cursor: psycopg.Cursor[Any], rows: SnapshotRows) -> None:
    """What a snapshot holds of both, in the place of what is there."""
    cursor.execute("TRUNCATE hash_window")
    cursor.execute(
        "SELECT inhrelid::regclass::text FROM pg_inherits"
        " WHERE inhparent = 'reference_window'::regclass"
    )
    for (name,) in cursor.fetchall():
        cursor.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
    cursor.executemany(WRITE_HASHES, rows.hashes)
    made = set()
    for row in rows.references:
        if row[1] not in made:
            _create_partition(cursor, get_bucket(row[1]))
            made.add(row[1])
        cursor.execute(WRITE_REFERENCES, row, binary=True)


def _create_partition(cursor: psycopg.Cursor[Any], bucket: Bucket) -> None:
    number = compute_bucket_number(bucket)
    cursor.execute(
        sql.SQL(
            "CREATE TABLE {} PARTITION OF reference_window FOR VALUES FROM ({}) TO ({})"
        ).format(_get_partition(bucket), number, number + 1)
    )


def _get_partition(bucket: Bucket) -> sql.Identifier:
    kind, day = bucket
    return sql.Identifier(f"reference_window_{kind.name.lower()}_{day}")

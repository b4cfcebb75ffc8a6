"""A node's database as the source of its archive: read beside the node, by another process. Shell.

It never touches what the node writes, but for ledgers that are archived, which it removes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg import IsolationLevel

from schemas.codec import decode
from schemas.generated.common import Hash
from schemas.generated.ledger import Certificate, LedgerRecord
from streams.archive.checkpoint import ArchivedLedger
from streams.archive.snapshot import SnapshotRows

ROWS_AT_ONCE = 2_000
PRUNED_AT_ONCE = 256

STATE = """
SELECT archived, snapshot,
       (SELECT coalesce(max(sequence), 0) FROM ledgers),
       (SELECT min(sequence) FROM ledgers WHERE certificate IS NULL),
       (SELECT coalesce(min(sequence), 0) FROM ledgers WHERE sequence > 1)
FROM archive"""
ENTRIES = "SELECT key, entry FROM entries ORDER BY key"
HASHES = "SELECT sequence, minute, running, hashes FROM hash_window ORDER BY sequence, minute"
REFERENCES = """
SELECT sequence, bucket, running, uses FROM reference_window ORDER BY sequence, bucket"""
PRUNE = """
DELETE FROM ledgers WHERE sequence IN (
    SELECT sequence FROM ledgers WHERE sequence > 1 AND sequence <= %b
    ORDER BY sequence LIMIT %b)"""

Connection = psycopg.Connection[tuple[Any, ...]]


class SourceState(NamedTuple):
    """`archived`, `snapshot`: see the table; `newest`: the last closed ledger; `certified`: up to
    it all ledgers are; `oldest`: of those that are kept, beside the genesis."""

    archived: int
    snapshot: int
    newest: int
    certified: int
    oldest: int


class StateView(NamedTuple):
    """Everything after ledger `sequence`, as it stands in one transaction."""

    sequence: int
    header_hash: Hash
    rows: SnapshotRows


class ArchiveSource:
    """Raises `psycopg.Error` from every method."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection = psycopg.connect(url, autocommit=True, application_name="tokend archive")

    def close(self) -> None:
        self._connection.close()

    def get_state(self) -> SourceState:
        row = self._connection.execute(STATE).fetchone()
        if row is None:
            raise psycopg.DataError("the table `archive` is empty: run `tokend migrate`")
        archived, snapshot, newest, uncertified, oldest = row
        certified = newest if uncertified is None else uncertified - 1
        return SourceState(archived, snapshot, newest, certified, oldest)

    def load_ledger(self, sequence: int) -> ArchivedLedger | None:
        """A certified ledger, None if it is not here."""
        row = self._connection.execute(
            "SELECT header, certificate, body FROM ledgers"
            " WHERE sequence = %b AND certificate IS NOT NULL",
            (sequence,),
            binary=True,
        ).fetchone()
        if row is None:
            return None
        header, certificate, body = row
        return ArchivedLedger(
            sequence, LedgerRecord(header, decode(Certificate, certificate), body)
        )

    def has_all(self, first: int, last: int) -> bool:
        """Whether these ledgers are here, certified."""
        row = self._connection.execute(
            "SELECT count(*) FROM ledgers"
            " WHERE sequence BETWEEN %b AND %b AND certificate IS NOT NULL",
            (first, last),
        ).fetchone()
        return row is not None and row[0] == last - first + 1

    @contextmanager
    def open_view(self) -> Iterator[StateView]:
        """The node's state as it is now; the node goes on meanwhile."""
        with psycopg.connect(self._url, application_name="tokend snapshot") as connection:
            connection.isolation_level = IsolationLevel.REPEATABLE_READ
            found = connection.execute(
                "SELECT sequence, header_hash FROM ledgers ORDER BY sequence DESC LIMIT 1",
                binary=True,
            ).fetchone()
            if found is None:
                raise psycopg.DataError("the database holds no ledger")
            rows = SnapshotRows(
                _read(connection, "entries", ENTRIES),
                _read(connection, "hashes", HASHES),
                _read(connection, "uses", REFERENCES),
            )
            yield StateView(found[0], Hash(found[1]), rows)

    def set_archived(self, sequence: int) -> None:
        self._connection.execute("UPDATE archive SET archived = %b", (sequence,))

    def set_snapshot(self, sequence: int) -> None:
        self._connection.execute("UPDATE archive SET snapshot = %b", (sequence,))

    def prune(self, last: int) -> int:
        """Removes ledgers up to `last`, but for the genesis; how many there were."""
        count = 0
        while True:
            removed = self._connection.execute(PRUNE, (last, PRUNED_AT_ONCE)).rowcount
            count += removed
            if removed < PRUNED_AT_ONCE:
                return count


def _read(connection: Connection, name: str, query: str) -> Iterator[tuple[Any, ...]]:
    """The rows, a batch at a time, when they are taken."""
    with connection.cursor(name, binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query.encode())
        yield from cursor

"""The audit: do the current-state tables hold exactly what the network agreed on?

Every row is encoded back into its entry; the root of the trie over all of them must be the state
root that the certified header of the views' last ledger holds. Works on any schema, live or not.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby
from operator import itemgetter

from psycopg import IsolationLevel, sql

from processors.horizon.schema import LEDGER_SHIFT, LIVE, Connection, check_schema
from processors.horizon.state_rows import STATE_TABLES, encode_state_row
from processors.horizon.store import read_progress
from processors.ledger_feed.flat import StateTable
from schemas.codec import Unencodable, decode
from schemas.generated.common import AccountID, Reference
from schemas.generated.ledger import LedgerHeader
from streams.ledger import state_trie
from streams.ledger.hashes import compute_hash
from streams.ledger.references import ReferenceWindow, get_bucket

ROWS_AT_ONCE = 5_000


class NothingToAudit(Exception):
    """The views hold no ledger yet."""


@dataclass(slots=True, frozen=True)
class Audit:
    """`expected`: the roots in the header of ledger `sequence`, of the state and of the reference
    windows; `computed`: those of the tables' rows."""

    sequence: int
    entries: int
    expected: tuple[bytes, bytes]
    computed: tuple[bytes, bytes]

    @property
    def is_equal(self) -> bool:
        return self.expected == self.computed


def audit(
    connection: Connection, schema: str = LIVE, report: Callable[[int], None] = lambda _: None
) -> Audit:
    """Reads one snapshot, so that it may run while the views are written. `report` hears how many
    entries were read. Raises `SchemaMissing` and `NothingToAudit`.
    """
    check_schema(connection, schema)
    level, connection.isolation_level = connection.isolation_level, IsolationLevel.REPEATABLE_READ
    try:
        with connection.transaction():
            return _audit_snapshot(connection, schema, report)
    finally:
        connection.isolation_level = level


def _audit_snapshot(connection: Connection, schema: str, report: Callable[[int], None]) -> Audit:
    progress = read_progress(connection, schema)
    if progress is None:
        raise NothingToAudit(f"the views in {schema} hold no ledger yet")
    sequence = progress.position.sequence
    query = sql.SQL("SELECT header FROM {} WHERE sequence = %s AND header_hash = %s").format(
        sql.Identifier(schema, "ledgers")
    )
    row = connection.execute(query, (sequence, progress.position.header_hash)).fetchone()
    if row is None:
        raise NothingToAudit(f"the views in {schema} lack the header of ledger {sequence}")
    items: dict[bytes, bytes] = {}
    for table in STATE_TABLES:
        for key, entry in _read_entries(connection, schema, table):
            items[compute_hash(key)] = compute_hash(entry)
            if len(items) % ROWS_AT_ONCE == 0:
                report(len(items))
    trie = state_trie.build(items.items())
    header = decode(LedgerHeader, row[0])
    expected = (header.state_root, header.reference_window_root)
    computed = (trie.root, _compute_references_root(connection, schema))
    return Audit(sequence, len(items), expected, computed)


def _compute_references_root(connection: Connection, schema: str) -> bytes:
    window = ReferenceWindow()
    query = sql.SQL(
        "SELECT operation_id >> {} AS sequence, bucket, account_id, reference FROM {}"
        " ORDER BY sequence"
    ).format(LEDGER_SHIFT, sql.Identifier(schema, "used_references"))
    with connection.cursor(name="audit_references", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query)
        for sequence, rows in groupby(cursor, key=itemgetter(0)):
            for _, bucket, account_id, text in rows:
                kind, day = get_bucket(bucket)
                reference = Reference(day, text.decode())
                window.use(kind, AccountID(account_id), reference, sequence)
            window.seal()
    return window.compute_root()


def _read_entries(
    connection: Connection, schema: str, table: StateTable
) -> Iterator[tuple[bytes, bytes]]:
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(map(sql.Identifier, table.columns)),
        sql.Identifier(schema, table.name),
    )
    with connection.cursor(name=f"audit_{table.name}", binary=True) as cursor:
        cursor.itersize = ROWS_AT_ONCE
        cursor.execute(query)
        for row in cursor:
            yield _encode(table, tuple(map(_get_integer, row)))


def _encode(table: StateTable, row: tuple[object, ...]) -> tuple[bytes, bytes]:
    """A row that is no entry at all counts as one that nobody agreed on."""
    try:
        return encode_state_row(table, row)
    except Unencodable as error:
        return f"{table.name}: {error}".encode(), repr(row).encode()


def _get_integer(value: object) -> object:
    return int(value) if isinstance(value, Decimal) else value

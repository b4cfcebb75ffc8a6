"""The references that the network's windows hold, as rows: a partition per kind and day.

They show which operation used a reference first, and the audit compares them with the header. Knows
nothing of other tables.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from psycopg import sql

from processors.horizon.fold import LedgerRows, Row
from processors.horizon.schema import Connection, create_bucket, drop_bucket, read_buckets
from schemas.codec import decode
from schemas.generated import keys
from schemas.generated.entries import NetworkSettings
from schemas.generated.ledger import LedgerEntry
from streams.ledger.references import DAY_MS, compute_first_day, get_bucket

USED_REFERENCES = {
    "bucket": "int8",
    "account_id": "bytea",
    "reference": "bytea",
    "operation_id": "int8",
}
"""Columns and their types, in the order of fold.py's rows."""

Copy = Callable[[str, Mapping[str, str], Iterable[Row]], None]


class ReferenceStore:
    """The table `used_references` of one schema. `load` where the views hold ledgers already."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema
        self._buckets: set[int] = set()
        self._settings: NetworkSettings | None = None

    def load(self) -> None:
        self._buckets = read_buckets(self._connection, self._schema)
        table = sql.Identifier(self._schema, "entries")
        query = sql.SQL("SELECT entry FROM {} WHERE key = %s").format(table)
        row = self._connection.execute(query, (keys.NETWORK_SETTINGS,)).fetchone()
        if row is not None:
            self._note_settings(row[0])

    def write(self, ledgers: Sequence[LedgerRows], close_time_ms: int, copy: Copy) -> None:
        """Within the transaction of the ledgers. A day's partition is made with its first
        reference and dropped with the day."""
        rows = [row for each in ledgers for row in each.references]
        for bucket in sorted({row[0] for row in rows} - self._buckets):
            create_bucket(self._connection, self._schema, bucket)
            self._buckets.add(bucket)
        if rows:
            copy("used_references", USED_REFERENCES, rows)
        for each in ledgers:
            raw = each.changes.get(keys.NETWORK_SETTINGS)
            if raw is not None:
                self._note_settings(raw)
        for bucket in self._find_passed(close_time_ms):
            drop_bucket(self._connection, self._schema, bucket)
            self._buckets.remove(bucket)

    def _note_settings(self, raw: bytes) -> None:
        entry = decode(LedgerEntry, raw).data
        if isinstance(entry, NetworkSettings):
            self._settings = entry

    def _find_passed(self, close_time_ms: int) -> list[int]:
        if self._settings is None:
            return []
        today, passed = close_time_ms // DAY_MS, []
        for bucket in sorted(self._buckets):
            kind, day = get_bucket(bucket)
            if day < compute_first_day(self._settings, kind, today):
                passed.append(bucket)
        return passed

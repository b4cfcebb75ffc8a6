"""Wraps again, by the newest key-encryption keys, what older versions have wrapped.

Each row is compared as it is replaced, so whatever changes meanwhile is left to the next round. A
version may be destroyed once nothing is wrapped by it: the metric says so.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateways.http.store import Store
from gateways.sealing.keks import HEAD, KeyEncryptionKeys

BATCH = 200


class Column(NamedTuple):
    """A wrapped column, and the SQL expression of the name it is wrapped under."""

    table: str
    key: str
    column: str
    name: str


async def rewrap(
    store: Store, keks: KeyEncryptionKeys, schema: str, columns: Sequence[Column]
) -> int:
    """How many were old. Raises Problem, Unopenable."""
    count = 0
    for column in columns:
        while rows := await store.execute(*_make_search(schema, column, keks)):
            for key, wrapped, name in rows:
                await _replace(store, schema, column, key, wrapped, keks.rewrap(wrapped, name))
            count += len(rows)
    return count


def _make_search(
    schema: str, column: Column, keks: KeyEncryptionKeys
) -> tuple[str, tuple[Any, ...]]:
    head = HEAD.pack(keks.form, keks.newest)
    statement = (
        f"select {column.key}, {column.column}, {column.name} from {schema}.{column.table}"  # noqa: S608
        f" where substring({column.column} from 1 for %s) <> %s limit %s"
    )
    return statement, (len(head), head, BATCH)


async def _replace(
    store: Store, schema: str, column: Column, key: Any, old: bytes, new: bytes | None
) -> None:
    statement = (
        f"update {schema}.{column.table} set {column.column} = %s"  # noqa: S608
        f" where {column.key} = %s and {column.column} = %s"
    )
    await store.execute(statement, (new, key, old))

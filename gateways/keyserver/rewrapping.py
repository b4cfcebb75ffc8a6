"""Wraps again, by the newest key-encryption keys, what older versions have wrapped.

Each row is compared as it is replaced, so whatever changes meanwhile is left to the next round. A
version may be destroyed once nothing is wrapped by it: the metric says so.
"""

from typing import Any, NamedTuple

from gateways.http.store import Store
from gateways.sealing.keks import HEAD, KeyEncryptionKeys

BATCH = 200


class Column(NamedTuple):
    """A wrapped column, and the SQL expression of the name it is wrapped under (`names`)."""

    table: str
    key: str
    column: str
    name: str


def _make_version(table: str, key: str) -> tuple[Column, ...]:
    return (
        Column(table, "id", "verifier", f"'verifier/' || {key}"),
        Column(table, "id", "envelope", f"'envelope/' || {key}"),
    )


EMAIL = "'email/' || encode(email_lookup, 'hex')"
COLUMNS = (
    *_make_version("wallets", "entry"),
    *_make_version("signups", "id"),
    *_make_version("changes", "id"),
    *_make_version("email_changes", "id"),
    Column("wallets", "id", "email", EMAIL),
    Column("signups", "id", "email", EMAIL),
    Column("email_changes", "id", "email", EMAIL),
    Column("wallets", "id", "totp_secret", "'totp/' || id"),
    Column("wallets", "id", "enrolment", "'totp/' || id"),
    Column("devices", "id", "name", "'device/' || id"),
    Column("history", "id", "address", "'history/' || wallet"),
    Column("outbox", "id", "content", "'outbox/' || type || '/' || token"),
    Column("keys", "name", "content", "name"),
)


async def rewrap(store: Store, keks: KeyEncryptionKeys) -> int:
    """How many were old. Raises Problem, Unopenable."""
    count = 0
    for column in COLUMNS:
        while rows := await store.execute(*_make_search(column, keks)):
            for key, wrapped, name in rows:
                await _replace(store, column, key, wrapped, keks.rewrap(wrapped, name))
            count += len(rows)
    return count


def _make_search(column: Column, keks: KeyEncryptionKeys) -> tuple[str, tuple[Any, ...]]:
    head = HEAD.pack(keks.form, keks.newest)
    statement = (
        f"select {column.key}, {column.column}, {column.name} from keyserver.{column.table}"  # noqa: S608
        f" where substring({column.column} from 1 for %s) <> %s limit %s"
    )
    return statement, (len(head), head, BATCH)


async def _replace(store: Store, column: Column, key: Any, old: bytes, new: bytes | None) -> None:
    statement = (
        f"update keyserver.{column.table} set {column.column} = %s"  # noqa: S608
        f" where {column.key} = %s and {column.column} = %s"
    )
    await store.execute(statement, (new, key, old))

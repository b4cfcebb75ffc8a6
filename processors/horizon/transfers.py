"""External transfers as rows, also those that are closed and have left the state; and their events.

A transfer's row is its entry as it stood last, with what collections are narrowed by. Events are
history: one row for everything that happened to a transfer.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from psycopg import sql

from processors.horizon.schema import Connection
from schemas.codec import decode
from schemas.generated.entries import ExternalTransfer
from schemas.generated.keys import external_transfer_key
from schemas.generated.ledger import LedgerEntry, TransferChange

BRANCH = external_transfer_key(0)[:1]
CLOSED = "CLOSED"


class TransferRow(NamedTuple):
    """One row of the table; without an entry only its state and what it was changed in change."""

    transfer_id: int
    chain_id: str | None
    purpose: str | None
    asset: str | None
    state: str
    requests: list[int] | None
    entry: bytes | None
    changed_in: int


class TransferEventRow(NamedTuple):
    """`id`: ledger sequence << 32 | 1-based place among the ledger's events."""

    id: int
    transfer_id: int
    event: str
    version: int
    operation_id: int
    close_time_ms: int


def fold_event(
    events: list[TransferEventRow],
    first_id: int,
    change: TransferChange,
    operation_id: int,
    close_time_ms: int,
) -> None:
    """Notes what happened, once, however many accounts were told. `first_id`: of the ledger."""
    made = (change.transfer_id, change.event.name, change.version, operation_id, close_time_ms)
    if not events or events[-1][1:] != made:
        events.append(TransferEventRow(first_id | len(events) + 1, *made))


def merge_transfers(
    ledgers: Iterable[tuple[int, Mapping[bytes, bytes | None]]],
) -> list[TransferRow]:
    """One row for each transfer that several ledgers changed. `ledgers`: sequence and changes."""
    merged: dict[bytes, TransferRow] = {}
    for sequence, changes in ledgers:
        for key, raw in changes.items():
            if key[:1] == BRANCH:
                merged[key] = _make_row(key, raw, sequence, merged.get(key))
    return list(merged.values())


def _make_row(
    key: bytes, raw: bytes | None, sequence: int, known: TransferRow | None
) -> TransferRow:
    if raw is None:
        number = int.from_bytes(key[1:])
        known = known or TransferRow(number, None, None, None, CLOSED, None, None, sequence)
        return known._replace(state=CLOSED, changed_in=sequence)
    entry = decode(LedgerEntry, raw).data
    if not isinstance(entry, ExternalTransfer):
        raise TypeError(f"{key.hex()} is no transfer's key")
    return TransferRow(
        entry.transfer_id,
        entry.chain_id,
        entry.purpose.name,
        entry.asset,
        entry.state.name,
        list(entry.requests),
        raw,
        sequence,
    )


def write_transfers(
    connection: Connection,
    schema: str,
    rows: list[TransferRow],
    events: list[TransferEventRow],
) -> None:
    """Makes or changes the rows, within the transaction of the ledgers."""
    made = [each for each in rows if each.entry is not None]
    closed = [each for each in rows if each.entry is None]
    with connection.cursor() as cursor:
        if made:
            cursor.executemany(insert_into(schema, "transfers", TransferRow) + UPDATES, made)
        if closed:
            query = sql.SQL("UPDATE {} SET state = %s, changed_in = %s WHERE transfer_id = %s")
            values = [(each.state, each.changed_in, each.transfer_id) for each in closed]
            cursor.executemany(query.format(sql.Identifier(schema, "transfers")), values)
        if events:
            cursor.executemany(insert_into(schema, "transfer_events", TransferEventRow), events)


UPDATES = sql.SQL(" ON CONFLICT (transfer_id) DO UPDATE SET ") + sql.SQL(", ").join(
    sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in TransferRow._fields[1:]
)


def insert_into(schema: str, table: str, row: type[NamedTuple]) -> sql.Composed:
    """The statement for rows of a table, whose columns are the tuple's."""
    names = row._fields
    return sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(schema, table),
        sql.SQL(", ").join(map(sql.Identifier, names)),
        sql.SQL(", ").join([sql.Placeholder()] * len(names)),
    )

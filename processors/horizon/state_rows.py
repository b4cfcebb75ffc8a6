"""Current state as rows and back: which table keeps which entry, and in what columns.

Tables of flat entries follow from the contract; nested ones are written by hand here. Both
directions stand next to each other because they must be inverse: the audit encodes rows back into
entries and compares the root of their trie with a header's. Pure; it knows no database.
"""

from collections.abc import Mapping
from typing import NamedTuple

from processors.ledger_feed.flat import Row, StateTable, make_flat_table
from schemas.codec import decode, encode
from schemas.generated import keys
from schemas.generated.entries import KeyValue
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import LedgerEntry, LedgerKey
from schemas.generated.operations import StringValue, U32Value, U64Value, U128Value

# Room in every page and no index on what payments change keep updates in place.
UPDATED_IN_PLACE = " WITH (fillfactor = 60)"

NUMBERS: dict[str, type[U32Value | U64Value | U128Value]] = {
    "u32": U32Value,
    "u64": U64Value,
    "u128": U128Value,
}


def _get_key_value_row(entry: KeyValue) -> Row:
    key = entry.key.encode()
    match entry.value:
        case U32Value(value):
            return (key, "u32", value, None)
        case U64Value(value):
            return (key, "u64", value, None)
        case U128Value(value):
            return (key, "u128", value, None)
        case StringValue(text):
            return (key, "string", None, text.encode())


def _get_key_value(row: Row) -> KeyValue:
    key, kind, number, string = row
    if kind == "string":
        return KeyValue(key.decode(), StringValue(string.decode()))
    return KeyValue(key.decode(), NUMBERS[kind](number))


def _decode_entry(row: Row) -> Entry:
    return decode(LedgerEntry, row[1]).data


KEY_VALUES = StateTable(
    name="key_values",
    branch=keys.KEY_VALUE[0],
    key_columns=("key",),
    columns=("key", "kind", "number", "string"),
    types=("bytea", "text", "numeric(39)", "bytea"),
    nullable=frozenset({"number", "string"}),
    get_row=_get_key_value_row,
    get_key_row=lambda key: (key.key.encode(),),
    get_entry=_get_key_value,
)
# Every kind without a table of its own, as bytes. The first byte of a key tells the kind. The rows
# are bytes already, so `compute_state_changes` makes them without `get_row`.
ENTRIES = StateTable(
    name="entries",
    branch=None,
    key_columns=("key",),
    columns=("key", "entry"),
    types=("bytea", "bytea"),
    nullable=frozenset(),
    get_row=lambda entry: (get_key(entry), encode(LedgerEntry(entry))),
    get_key_row=lambda key: (encode(LedgerKey(key)),),
    get_entry=_decode_entry,
)
STATE_TABLES = (
    make_flat_table("account", "accounts", indexes=[("sequential_id",)]),
    make_flat_table("signer", "signers", indexes=[("public_key",)]),
    KEY_VALUES,
    make_flat_table("asset", "assets", indexes=[("owner", "code")]),
    make_flat_table("asset_supply", "asset_supplies", options=UPDATED_IN_PLACE),
    make_flat_table(
        "balance",
        "balances",
        indexes=[("account_id", "asset", "balance_id"), ("asset", "balance_id")],
        options=UPDATED_IN_PLACE,
    ),
    make_flat_table(
        "external_binding", "external_bindings", indexes=[("account_id", "system", "address")]
    ),
    make_flat_table("asset_reservation", "asset_reservations"),
    ENTRIES,
)
_BY_BRANCH = {table.branch: table for table in STATE_TABLES if table.branch is not None}


class TableChanges(NamedTuple):
    """What becomes of one table: rows to write, each with `changed_in` at its end; keys to drop."""

    table: StateTable
    upserts: list[Row]
    deletes: list[Row]


def compute_state_changes(
    changes: Mapping[bytes, tuple[int, bytes | None]],
) -> list[TableChanges]:
    """`changes`: LedgerKey bytes to the ledger of the last change and the LedgerEntry bytes after
    it (None: removed). Rows come in the order of `changes`.
    """
    found = {table.name: TableChanges(table, [], []) for table in STATE_TABLES}
    for key, (sequence, after) in changes.items():
        table = _BY_BRANCH.get(key[0], ENTRIES)
        upserts, deletes = found[table.name].upserts, found[table.name].deletes
        if table is ENTRIES:
            if after is None:
                deletes.append((key,))
            else:
                upserts.append((key, after, sequence))
        elif after is None:
            deletes.append(table.get_key_row(decode(LedgerKey, key).data))
        else:
            upserts.append((*table.get_row(decode(LedgerEntry, after).data), sequence))
    return [each for each in found.values() if each.upserts or each.deletes]


def encode_state_row(table: StateTable, row: Row) -> tuple[bytes, bytes]:
    """LedgerKey and LedgerEntry bytes of a row (its `columns`, numbers as int)."""
    if table is ENTRIES:
        return row[0], row[1]
    entry = table.get_entry(row)
    return get_key(entry), encode(LedgerEntry(entry))

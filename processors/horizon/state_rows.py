"""Current state as rows and back: which table keeps which entry, and in what columns.

Both directions stand next to each other because they must be inverse: the audit encodes rows
back into entries and compares the root of their trie with a header's. Pure; it knows no database.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from schemas.codec import decode, encode
from schemas.generated.common import AccountID, Amount, BalanceID, PublicKey, SignerData
from schemas.generated.ledger import (
    Account,
    Asset,
    Balance,
    KeyValue,
    LedgerEntry,
    LedgerKey,
    Signer,
)
from schemas.generated.operations import StringValue, U32Value, U64Value
from streams.ledger import keys
from streams.ledger.keys import Entry, get_key

Row = tuple[Any, ...]


class StateTable(NamedTuple):
    """A table of current state. `columns` and `types` leave out `changed_in`, which is the last.

    `branch`: the first byte of its entries' keys; None for the table that takes every other kind.
    `is_grow_only`: its entries never change and are never removed.
    `get_row`: an entry's columns. `get_key_row`: the primary key's columns from a LedgerKey.
    """

    name: str
    branch: int | None
    key_columns: tuple[str, ...]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    get_row: Callable[[Any], Row]
    get_key_row: Callable[[Any], Row]
    get_entry: Callable[[Row], Entry]
    is_grow_only: bool = False


def _get_signer_row(entry: Signer) -> Row:
    data = entry.data
    return (
        entry.account_id,
        data.public_key,
        data.role_id,
        data.weight,
        data.identity,
        data.details,
    )


def _get_signer(row: Row) -> Signer:
    account_id, public_key, role_id, weight, identity, details = row
    data = SignerData(PublicKey(public_key), role_id, weight, identity, details)
    return Signer(AccountID(account_id), data)


def _get_balance(row: Row) -> Balance:
    balance_id, account_id, asset, amount, locked = row
    return Balance(
        BalanceID(balance_id),
        AccountID(account_id),
        asset,
        Amount(amount),
        Amount(locked),
    )


def _get_asset_row(entry: Asset) -> Row:
    return (
        entry.code,
        entry.owner,
        entry.preissued_asset_signer,
        entry.details,
        entry.max_issuance_amount,
        entry.available_for_issuance,
        entry.issued,
        entry.pending_issuance,
        entry.policies,
        entry.asset_type,
        entry.trailing_digits,
    )


def _get_asset(row: Row) -> Asset:
    code, owner, signer, details, *rest = row
    maximum, available, issued, pending, policies, asset_type, digits = rest
    return Asset(
        code=code,
        owner=AccountID(owner),
        preissued_asset_signer=PublicKey(signer),
        details=details,
        max_issuance_amount=Amount(maximum),
        available_for_issuance=Amount(available),
        issued=Amount(issued),
        pending_issuance=Amount(pending),
        policies=policies,
        asset_type=asset_type,
        trailing_digits=digits,
    )


def _get_key_value_row(entry: KeyValue) -> Row:
    key = entry.key.encode()
    match entry.value:
        case U32Value(value):
            return (key, "u32", value, None)
        case U64Value(value):
            return (key, "u64", value, None)
        case StringValue(text):
            return (key, "string", None, text.encode())


def _get_key_value(row: Row) -> KeyValue:
    key, kind, number, string = row
    if kind == "string":
        return KeyValue(key.decode(), StringValue(string.decode()))
    return KeyValue(key.decode(), U32Value(number) if kind == "u32" else U64Value(number))


ACCOUNTS = StateTable(
    "accounts",
    0x0C,
    ("account_id",),
    ("account_id", "referrer", "sequential_id", "role_id"),
    ("bytea", "bytea", "bigint", "bigint"),
    lambda entry: (entry.account_id, entry.referrer, entry.sequential_id, entry.role_id),
    lambda key: (key.account_id,),
    lambda row: Account(*row),
)
SIGNERS = StateTable(
    "signers",
    0x0E,
    ("account_id", "public_key"),
    ("account_id", "public_key", "role_id", "weight", "identity", "details"),
    ("bytea", "bytea", "bigint", "integer", "bigint", "bytea"),
    _get_signer_row,
    lambda key: (key.account_id, key.public_key),
    _get_signer,
)
KEY_VALUES = StateTable(
    "key_values",
    0x10,
    ("key",),
    ("key", "kind", "number", "string"),
    ("bytea", "text", "numeric", "bytea"),
    _get_key_value_row,
    lambda key: (key.key.encode(),),
    _get_key_value,
)
ASSETS = StateTable(
    "assets",
    0x12,
    ("code",),
    (
        "code",
        "owner",
        "preissued_asset_signer",
        "details",
        "max_issuance_amount",
        "available_for_issuance",
        "issued",
        "pending_issuance",
        "policies",
        "asset_type",
        "trailing_digits",
    ),
    ("text", *["bytea"] * 3, *["numeric"] * 4, "bigint", "numeric", "integer"),
    _get_asset_row,
    lambda key: (key.code,),
    _get_asset,
)
BALANCES = StateTable(
    "balances",
    0x14,
    ("balance_id",),
    ("balance_id", "account_id", "asset", "amount", "locked"),
    ("bytea", "bytea", "text", "numeric", "numeric"),
    lambda entry: (entry.balance_id, entry.account_id, entry.asset, entry.amount, entry.locked),
    lambda key: (key.balance_id,),
    _get_balance,
)


def _decode_entry(row: Row) -> Entry:
    return decode(LedgerEntry, row[1]).data


# Rows of these two are bytes already, so `compute_state_changes` makes them without `get_row`.
ENTRIES = StateTable(
    "entries",
    None,
    ("key",),
    ("key", "entry"),
    ("bytea", "bytea"),
    lambda entry: (get_key(entry), encode(LedgerEntry(entry))),
    lambda key: (encode(LedgerKey(key)),),
    _decode_entry,
)
USED_REFERENCES = ENTRIES._replace(
    name="used_references", branch=keys.USED_REFERENCE, is_grow_only=True
)
STATE_TABLES = (ACCOUNTS, SIGNERS, KEY_VALUES, ASSETS, BALANCES, USED_REFERENCES, ENTRIES)
_TABLES_OF_BYTES = (USED_REFERENCES, ENTRIES)
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
        if after is None:
            is_bytes = table in _TABLES_OF_BYTES
            deletes.append((key,) if is_bytes else table.get_key_row(decode(LedgerKey, key).data))
        elif table in _TABLES_OF_BYTES:
            upserts.append((key, after, sequence))
        else:
            upserts.append((*table.get_row(decode(LedgerEntry, after).data), sequence))
    return [each for each in found.values() if each.upserts or each.deletes]


def encode_state_row(table: StateTable, row: Row) -> tuple[bytes, bytes]:
    """LedgerKey and LedgerEntry bytes of a row (its `columns`, numbers as int)."""
    if table in _TABLES_OF_BYTES:
        return row[0], row[1]
    entry = table.get_entry(row)
    return get_key(entry), encode(LedgerEntry(entry))

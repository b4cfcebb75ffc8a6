"""Rows of current state and entries are each other's inverse."""

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.horizon.fold import fold_ledger
from processors.horizon.state_rows import compute_state_changes, encode_state_row
from schemas.codec import encode
from schemas.generated.common import AccountID, Amount, BalanceID, PublicKey, SignerData
from schemas.generated.entries import (
    Account,
    Asset,
    AssetReservation,
    AssetState,
    AssetSupply,
    Balance,
    Counters,
    ExternalBinding,
    KeyValue,
    Signer,
)
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import LedgerEntry
from schemas.generated.operations import StringValue, U32Value, U64Value, U128Value
from tests.processors.economies import make_varied_network
from tests.processors.horizon.test_fold import verify

KEYS = st.binary(min_size=32, max_size=32)
ACCOUNTS, KEY_BYTES = KEYS.map(AccountID), KEYS.map(PublicKey)
AMOUNTS = st.integers(0, (1 << 128) - 1).map(Amount)
SMALL, U32, U64 = (
    st.integers(0, (1 << 63) - 1),
    st.integers(0, (1 << 32) - 1),
    st.integers(0, (1 << 64) - 1),
)
TEXT = st.text(max_size=16)
DETAILS = st.binary(max_size=50)
VALUES = st.one_of(
    U32.map(U32Value), U64.map(U64Value), AMOUNTS.map(U128Value), TEXT.map(StringValue)
)
SIGNER_DATA = st.builds(SignerData, KEY_BYTES, SMALL, st.integers(0, 1000), U32, DETAILS)
SIGNERS = st.lists(KEY_BYTES, max_size=3).map(tuple)
CODES = st.text("ABCabc019", min_size=1, max_size=16)
ENTRIES: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        Account,
        ACCOUNTS,
        st.none() | ACCOUNTS,
        U64,
        U64,
        SIGNERS,
    ),
    st.builds(Signer, ACCOUNTS, SIGNER_DATA),
    st.builds(Balance, KEYS.map(BalanceID), ACCOUNTS, CODES, AMOUNTS, AMOUNTS),
    st.builds(KeyValue, TEXT, VALUES),
    st.builds(
        Asset,
        CODES,
        ACCOUNTS,
        KEY_BYTES,
        DETAILS,
        AMOUNTS,
        U32,
        U64,
        st.integers(0, 18),
        U64,
        st.sampled_from(AssetState),
    ),
    st.builds(AssetSupply, CODES, AMOUNTS, AMOUNTS, AMOUNTS),
    st.builds(AssetReservation, CODES, U64),
    st.builds(Counters, U64, U64, U64),
    st.builds(ExternalBinding, CODES, CODES, U64, ACCOUNTS, U64, st.none() | U64),
)


@settings(max_examples=300, deadline=None)
@given(ENTRIES)
def test_an_entry_comes_back_from_its_row(entry: Entry) -> None:
    key, after = get_key(entry), encode(LedgerEntry(entry))
    (changes,) = compute_state_changes({key: (9, after)})
    ((*row, changed_in),) = changes.upserts
    assert changed_in == 9
    assert len(row) == len(changes.table.columns) == len(changes.table.types)
    assert encode_state_row(changes.table, tuple(row)) == (key, after)


@settings(max_examples=100, deadline=None)
@given(ENTRIES)
def test_a_removed_entry_names_the_row_it_was(entry: Entry) -> None:
    key, after = get_key(entry), encode(LedgerEntry(entry))
    (written,) = compute_state_changes({key: (9, after)})
    (removed,) = compute_state_changes({key: (10, None)})
    columns = dict(zip(written.table.columns, written.upserts[0], strict=False))
    assert removed.upserts == []
    assert removed.deletes == [tuple(columns[each] for each in written.table.key_columns)]


def test_every_entry_of_a_network_goes_to_one_table() -> None:
    for verified in verify(make_varied_network(2)):
        changes = fold_ledger(verified).changes
        found = compute_state_changes({k: (1, after) for k, after in changes.items()})
        assert sum(len(each.upserts) + len(each.deletes) for each in found) == len(changes)

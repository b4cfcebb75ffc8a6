"""A breach is found, whatever made it; what operations do never is one."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import AccountID, Amount
from schemas.generated.ledger import LedgerEntry, Reference
from streams.ledger.errors import InvariantViolation
from streams.ledger.invariants import check_changes, check_everything
from streams.ledger.keys import USED_REFERENCE, KeyBytes, account_key, balance_key, get_key
from tests.streams.ledger.operations.cases import put
from tests.support.network import Network, get_account, make_economy


def get_balance(network: Network, name: str = "alice") -> Any:
    balance = network.ledger.state.get_balance(network.get_balance_id(name, "EUR"))
    assert balance is not None
    return balance


def change(before: Any, after: Any, key: KeyBytes | None = None) -> None:
    """One entry changes in a ledger."""
    check_changes({key or get_key(before): (encode(LedgerEntry(before)), after)})


def test_a_network_breaks_none() -> None:
    check_everything(make_economy().ledger.state)


@pytest.mark.parametrize("field", ["amount", "locked"])
def test_value_cannot_appear_or_vanish(field: str) -> None:
    network = make_economy()
    balance = get_balance(network)
    for difference in (1, -1):
        changed = replace(balance, amount=Amount(balance.amount + difference))
        if field == "locked":
            changed = replace(balance, locked=Amount(balance.locked + 1))
        with pytest.raises(InvariantViolation, match="made or lost in EUR"):
            change(balance, changed)
    change(balance, replace(balance, amount=Amount(balance.amount - 1), locked=Amount(1)))


def test_a_full_scan_finds_what_one_change_did() -> None:
    network = make_economy()
    balance = get_balance(network)
    put(network, replace(balance, amount=Amount(balance.amount + 1)))
    with pytest.raises(InvariantViolation, match="made or lost in EUR"):
        check_everything(network.ledger.state)


def test_no_asset_is_issued_or_promised_beyond_its_maximum() -> None:
    network = make_economy()
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    change(asset, replace(asset, max_issuance_amount=asset.issued))
    with pytest.raises(InvariantViolation, match="beyond its maximum"):
        change(asset, replace(asset, max_issuance_amount=Amount(asset.issued - 1)))
    full = replace(asset, max_issuance_amount=asset.issued, pending_issuance=Amount(1))
    with pytest.raises(InvariantViolation, match="beyond its maximum"):
        change(asset, full)


@pytest.mark.parametrize(
    "changes",
    [{"account_id": AccountID(bytes(32))}, {"asset": "USD"}],
    ids=lambda each: next(iter(each)),
)
def test_a_balance_keeps_its_owner_and_asset(changes: dict[str, Any]) -> None:
    empty = replace(get_balance(make_economy()), amount=Amount(0))
    with pytest.raises(InvariantViolation, match="changed hands"):
        change(empty, replace(empty, **changes))


def test_accounts_and_balances_stay() -> None:
    network = make_economy()
    account = network.ledger.state.get_account(get_account("alice"))
    for entry in (account, replace(get_balance(network), amount=Amount(0))):
        with pytest.raises(InvariantViolation, match="was removed"):
            change(entry, None)


def test_a_reference_stays_as_it_is() -> None:
    state = make_economy().ledger.state
    (reference, *_) = (state.get(key) for key in state.encoded if key[0] == USED_REFERENCE)
    assert isinstance(reference, Reference)
    first = replace(reference.first, ledger_sequence=reference.first.ledger_sequence + 1)
    for after in (None, replace(reference, first=first)):
        with pytest.raises(InvariantViolation, match="was changed"):
            change(reference, after)


def test_an_entry_stays_under_its_own_key() -> None:
    network = make_economy()
    account = network.ledger.state.get_account(get_account("alice"))
    with pytest.raises(InvariantViolation, match="under another entry's key"):
        change(account, account, account_key(get_account("bob")))
    balance = get_balance(network)
    with pytest.raises(InvariantViolation, match="under another entry's key"):
        change(balance, balance, balance_key(network.get_balance_id("bob", "EUR")))

"""A breach is found, whatever made it; what operations do never is one."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import U64, AccountID, Amount, Hash
from schemas.generated.entries import AssetReservation
from schemas.generated.keys import KeyBytes, account_key, balance_key, get_key
from schemas.generated.ledger import LedgerEntry
from schemas.generated.requests import CreateAssetRequest
from streams.ledger.errors import InvariantViolation
from streams.ledger.invariants import check_changes, check_everything
from streams.ledger.requests.pending import compute_request_hash
from streams.ledger.state import LedgerState
from tests.streams.ledger.operations.cases import put
from tests.streams.ledger.operations.test_create_aml_alert import alert
from tests.support.network import (
    Network,
    create_asset,
    get_account,
    get_public_key,
    issue,
    make_economy,
)


def get_balance(network: Network, name: str = "alice") -> Any:
    balance = network.ledger.state.get_balance(network.get_balance_id(name, "EUR"))
    assert balance is not None
    return balance


def change(
    before: Any, after: Any, key: KeyBytes | None = None, network: Network | None = None
) -> None:
    """One entry changes in a ledger."""
    state = (network or make_economy()).ledger.state
    changed = LedgerState(state.encoded)
    put_entry(changed, after)
    check_changes(changed, {key or get_key(before): (encode(LedgerEntry(before)), after)})


def put_entry(state: LedgerState, entry: Any) -> None:
    if entry is not None:
        state.encoded[get_key(entry)] = encode(LedgerEntry(entry))


def change_all(network: Network, *changes: tuple[Any, Any]) -> None:
    """As if a ledger had changed these entries."""
    changed = LedgerState(network.ledger.state.encoded)
    by_key = {}
    for before, after in changes:
        raw = None if before is None else encode(LedgerEntry(before))
        by_key[get_key(before or after)] = (raw, after)
        put_entry(changed, after)
    check_changes(changed, by_key)


def ask(body: Any) -> Any:
    """The request that the issuer's operation would open in an economy."""
    network = make_economy()
    network.apply("issuer", body)
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    return request


def with_body(request: Any, body: Any) -> Any:
    request_hash = compute_request_hash(request.request_id, request.sequence_number, body)
    return replace(request, body=body, request_hash=request_hash)


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


def test_nothing_is_locked_without_a_request() -> None:
    network = make_economy()
    balance = get_balance(network)
    locked = replace(balance, amount=Amount(balance.amount - 1), locked=Amount(1))
    with pytest.raises(InvariantViolation, match="does not lock what requests lock"):
        change(balance, locked)
    put(network, locked)
    with pytest.raises(InvariantViolation, match="does not lock what requests lock"):
        check_everything(network.ledger.state)


def test_a_request_does_not_end_without_its_lock() -> None:
    network = make_economy()
    alert(network)
    check_everything(network.ledger.state)
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    with pytest.raises(InvariantViolation, match="does not lock what requests lock"):
        change(request, None)


def test_a_full_scan_finds_what_one_change_did() -> None:
    network = make_economy()
    balance = get_balance(network)
    put(network, replace(balance, amount=Amount(balance.amount + 1)))
    with pytest.raises(InvariantViolation, match="made or lost in EUR"):
        check_everything(network.ledger.state)


def test_no_asset_is_issued_or_promised_beyond_its_maximum() -> None:
    network = make_economy()
    asset = network.ledger.state.get_asset("EUR")
    supply = network.ledger.state.get_asset_supply("EUR")
    assert asset is not None
    assert supply is not None
    change(asset, replace(asset, max_issuance_amount=supply.issued))
    with pytest.raises(InvariantViolation, match="beyond its maximum"):
        change(asset, replace(asset, max_issuance_amount=Amount(supply.issued - 1)))
    left = asset.max_issuance_amount - supply.issued
    request = ask(replace(issue(network, "alice", "EUR", left, "all"), all_tasks=16))
    promised = replace(supply, pending_issuance=Amount(left))
    change_all(network, (None, request), (supply, promised))
    more = with_body(request, replace(request.body, amount=Amount(left + 1)))
    with pytest.raises(InvariantViolation, match="beyond its maximum"):
        change_all(
            network, (None, more), (supply, replace(supply, pending_issuance=Amount(left + 1)))
        )


def test_what_is_promised_is_what_requests_ask_for() -> None:
    network = make_economy()
    supply = network.ledger.state.get_asset_supply("EUR")
    request = ask(replace(issue(network, "alice", "EUR", 5, "r"), all_tasks=16))
    assert supply is not None
    for change_of in ((None, request), (supply, replace(supply, pending_issuance=Amount(5)))):
        with pytest.raises(InvariantViolation, match="promised is not what is asked for: EUR"):
            change_all(network, change_of)


def test_a_code_is_reserved_by_the_request_that_asks_for_it() -> None:
    network = make_economy()
    request = ask(create_asset("USD", tasks=16))
    reservation = AssetReservation("USD", request.request_id)
    change_all(network, (None, request), (None, reservation))
    other = AssetReservation("USD", U64(77))
    for changes in ([(None, request)], [(None, reservation)], [(None, request), (None, other)]):
        with pytest.raises(InvariantViolation, match="reserved without a request"):
            change_all(network, *changes)


def test_a_request_is_what_its_hash_says() -> None:
    network = make_economy()
    before = ask(create_asset("USD", tasks=16))
    for wrong in (
        {"sequence_number": U64(2)},
        {"request_id": U64(9)},
        {"request_hash": Hash(bytes(32))},
        {"body": CreateAssetRequest(replace(before.body.asset, policies=2))},
    ):
        with pytest.raises(InvariantViolation, match="has another hash"):
            change_all(network, (None, replace(before, **wrong)))
    for tasks in (0, 32, 48):
        with pytest.raises(InvariantViolation, match="other tasks pending"):
            change(before, replace(before, pending_tasks=tasks))
    with pytest.raises(InvariantViolation, match="became another one"):
        change(before, replace(before, requestor=get_account("alice")))


def test_an_account_lists_exactly_its_signers() -> None:
    state = make_economy().ledger.state
    account = state.get_account(get_account("alice"))
    signer = state.get_signer(get_account("alice"), get_public_key("alice"))
    assert account is not None
    with pytest.raises(InvariantViolation, match="lists other signers"):
        change(account, replace(account, signers=()))
    with pytest.raises(InvariantViolation, match="lists other signers"):
        change(signer, None)


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


def test_an_entry_stays_under_its_own_key() -> None:
    network = make_economy()
    account = network.ledger.state.get_account(get_account("alice"))
    with pytest.raises(InvariantViolation, match="under another entry's key"):
        change(account, account, account_key(get_account("bob")))
    balance = get_balance(network)
    with pytest.raises(InvariantViolation, match="under another entry's key"):
        change(balance, balance, balance_key(network.get_balance_id("bob", "EUR")))

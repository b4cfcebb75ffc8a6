"""CreateIssuanceRequest, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, BalanceID, FeeRange, FeeType, Reference
from schemas.generated.entries import AssetState
from schemas.generated.operations import (
    CreateIssuanceRequest,
    CreateIssuanceRequestCode,
    CreateIssuanceRequestResult,
    IssuanceToAccount,
    IssuanceToBalance,
    ManageAssetHalt,
    ManageKeyValue,
    PutFeeRange,
    RemoveKeyValue,
    SetFees,
)
from schemas.generated.transactions import FirstUse, OperationResult, RefusalDetail
from streams.ledger.values import AMOUNT_MAX, AssetPolicy
from tests.streams.ledger.operations.cases import Case, make_account_role, put, run_case
from tests.support.network import (
    Network,
    create_asset,
    create_balance,
    get_account,
    issue,
    make_reference,
)

Code = CreateIssuanceRequestCode


def issue_to_alice(network: Network, **changes: Any) -> CreateIssuanceRequest:
    made: CreateIssuanceRequest = issue(network, "alice", "EUR", 10, "salary")
    return replace(made, **changes)


def of_day(network: Network, difference: int) -> Reference:
    today = make_reference(network, "of a day")
    return replace(today, day=today.day + difference)


def allow_two_references(network: Network) -> None:
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=2))


def issue_once(network: Network) -> None:
    network.apply("issuer", issue_to_alice(network))


def promise_once(network: Network) -> None:
    """The reference is held by a request that is still pending."""
    network.apply("issuer", issue_to_alice(network, all_tasks=16))


def make_alice_deaf(network: Network) -> None:
    alice = network.ledger.state.get_account(get_account("alice"))
    assert alice is not None
    put(
        network,
        make_account_role(9, "mute", "send-transactions"),
        replace(alice, role_id=U64(9)),
    )


def make_second_asset(network: Network) -> None:
    network.apply("issuer", create_asset("USD"))
    network.apply("alice", create_balance("alice", "USD"))


def change_asset(network: Network, **changes: Any) -> None:
    state = network.ledger.state
    for entry in (state.get_asset("EUR"), state.get_asset_supply("EUR")):
        assert entry is not None
        fields = {name: value for name, value in changes.items() if hasattr(entry, name)}
        put(network, replace(entry, **fields))


def fill_alice(network: Network) -> None:
    balance = network.ledger.state.get_balance(network.get_balance_id("alice", "EUR"))
    assert balance is not None
    put(network, replace(balance, locked=Amount(AMOUNT_MAX - balance.amount)))


def forget_tasks(network: Network) -> None:
    network.apply("master", ManageKeyValue("issuance_tasks:*", RemoveKeyValue()))


def check_issued(network: Network, result: OperationResult) -> None:
    assert network.get_amount("alice", "EUR") == 1_000_010
    assert result.outcome == CreateIssuanceRequestResult(
        U64(4), get_account("alice"), network.get_balance_id("alice", "EUR"), fulfilled=True
    )


def set_issuance_fee(fixed: int) -> SetFees:
    put = PutFeeRange(FeeRange(Amount(0), AMOUNT_MAX, Amount(fixed), 0))
    return SetFees(None, None, "EUR", FeeType.ISSUANCE, 0, put)


def check_fee(network: Network, _: OperationResult) -> None:
    assert network.get_amount("alice", "EUR") == 1_000_001
    assert network.get_amount("master", "EUR") == 9


def check_balance_made(network: Network, result: OperationResult) -> None:
    assert network.get_amount("issuer", "EUR") == 10
    assert isinstance(result.outcome, CreateIssuanceRequestResult)
    assert result.outcome.receiver_balance == network.get_balance_id("issuer", "EUR")


def check_pending(tasks: int) -> Any:
    def check(network: Network, result: OperationResult) -> None:
        assert network.get_amount("alice", "EUR") == 1_000_000
        assert isinstance(result.outcome, CreateIssuanceRequestResult)
        assert not result.outcome.fulfilled
        request = network.ledger.state.get_reviewable_request(4)
        assert request is not None
        assert request.pending_tasks == tasks

    return check


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


AT_ONCE = ("AssetSupply changed", "Balance changed", "Counters changed")
LATER = ("ReviewableRequest made", "AssetSupply changed", "Counters changed")

CASES = (
    Case("issued at once", "issuer", issue_to_alice, changes=AT_ONCE, check=check_issued),
    Case(
        "asked for",
        "issuer",
        lambda n: issue_to_alice(n, all_tasks=16),
        changes=LATER,
        check=check_pending(16),
    ),
    Case(
        "an asset whose every issuance is reviewed",
        "issuer",
        issue_to_alice,
        given=lambda n: change_asset(n, policies=int(AssetPolicy.ISSUANCE_MANUAL_REVIEW_REQUIRED)),
        changes=LATER,
        check=check_pending(2),
    ),
    Case(
        "more than is pre-issued",
        "issuer",
        issue_to_alice,
        given=lambda n: change_asset(n, available_for_issuance=Amount(9)),
        changes=LATER,
        check=check_pending(1),
    ),
    Case("nothing", "issuer", lambda n: issue_to_alice(n, amount=Amount(0)), Code.INVALID_AMOUNT),
    Case(
        "without a reference",
        "issuer",
        lambda n: issue_to_alice(n, reference=make_reference(n, "")),
        Code.INVALID_REFERENCE,
    ),
    Case(
        "a reference of a day that has left the window",
        "issuer",
        lambda n: issue_to_alice(n, reference=of_day(n, -401)),
        Code.REFERENCE_OUT_OF_WINDOW,
    ),
    Case(
        "a reference of the oldest day of the window",
        "issuer",
        lambda n: issue_to_alice(n, reference=of_day(n, -400)),
        changes=AT_ONCE,
    ),
    Case(
        "more references than an account may use a day",
        "issuer",
        issue_to_alice,
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_two_references,  # which make_economy has used
    ),
    Case(
        "details that are not JSON",
        "issuer",
        lambda n: issue_to_alice(n, creator_details=b"["),
        Code.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "a reference that a pending request holds",
        "issuer",
        issue_to_alice,
        Code.REFERENCE_DUPLICATION,
        given=promise_once,
        check=check_first_use,
    ),
    Case(
        "a task bit of the system",
        "issuer",
        lambda n: issue_to_alice(n, all_tasks=17),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case("another's asset", "alice", issue_to_alice, Code.NOT_AUTHORIZED),
    Case(
        "a reference again",
        "issuer",
        issue_to_alice,
        Code.REFERENCE_DUPLICATION,
        given=issue_once,
        check=check_first_use,
    ),
    Case(
        "to no balance",
        "issuer",
        lambda n: issue_to_alice(n, receiver=IssuanceToBalance(BalanceID(bytes(32)))),
        Code.NO_COUNTERPARTY,
    ),
    Case(
        "to no account",
        "issuer",
        lambda n: issue_to_alice(n, receiver=IssuanceToAccount(get_account("nobody"))),
        Code.NO_COUNTERPARTY,
    ),
    Case(
        "to an account",
        "issuer",
        lambda n: issue_to_alice(n, receiver=IssuanceToAccount(get_account("alice"))),
        changes=AT_ONCE,
        check=check_issued,
    ),
    Case(
        "to an account without a balance",
        "issuer",
        lambda n: issue_to_alice(n, receiver=IssuanceToAccount(get_account("issuer"))),
        changes=("AssetSupply changed", "Balance made", "Counters changed"),
        check=check_balance_made,
    ),
    Case(
        "a removed asset",
        "issuer",
        issue_to_alice,
        Code.ASSET_REMOVED,
        given=lambda n: change_asset(n, state=AssetState.REMOVED),
    ),
    Case(
        "to one who may not receive it",
        "issuer",
        issue_to_alice,
        Code.COUNTERPARTY_NOT_ALLOWED,
        given=make_alice_deaf,
    ),
    Case(
        "to a balance of another asset",
        "issuer",
        lambda n: issue_to_alice(n, receiver=IssuanceToBalance(n.get_balance_id("alice", "USD"))),
        Code.ASSET_MISMATCHED,
        given=make_second_asset,
    ),
    Case(
        "no tasks set",
        "issuer",
        issue_to_alice,
        Code.ISSUANCE_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "more than may ever be issued",
        "issuer",
        issue_to_alice,
        Code.EXCEEDS_MAX_ISSUANCE_AMOUNT,
        given=lambda n: change_asset(n, max_issuance_amount=Amount(2_000_009)),
    ),
    Case(
        "an asset whose issuances are halted",
        "issuer",
        issue_to_alice,
        Code.ASSET_HALTED,
        given=lambda n: n.apply("master", ManageAssetHalt("EUR", True, None)),
    ),
    Case(
        "a fee out of the amount",
        "issuer",
        issue_to_alice,
        changes=(*AT_ONCE, "Balance made"),
        given=lambda n: n.apply("master", set_issuance_fee(9)),
        check=check_fee,
    ),
    Case(
        "a fee as high as the amount",
        "issuer",
        issue_to_alice,
        Code.FEE_EXCEEDS_AMOUNT,
        given=lambda n: n.apply("master", set_issuance_fee(10)),
    ),
    Case("more than fits", "issuer", issue_to_alice, Code.RECEIVER_FULL_LINE, given=fill_alice),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_issuance_request(case: Case) -> None:
    run_case(case)

"""SettleExternalTransfer, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount, TransferOutcome
from schemas.generated.entries import NetworkFeeDebt, TransferState
from schemas.generated.ledger import EffectKind, NetworkFeeOwed, RequestChange, RequestEvent
from schemas.generated.operations import (
    ManageAssetHalt,
    ManageKeyValue,
    NetworkFee,
    PutKeyValue,
    ReviewAction,
    SettleExternalTransferCode,
    SettleExternalTransferResult,
    StringValue,
)
from schemas.generated.transactions import OperationResult
from schemas.strkey import encode_balance_id
from tests.streams.ledger.operations.cases import Case, make_account_role, put, run_case
from tests.streams.ledger.operations.transfers import commit_and_cancel
from tests.support.border import (
    CHAIN,
    EVIDENCE,
    ask,
    cancel,
    commit,
    confirm_first,
    get_transfer,
    mark_unknown,
    settle,
    settle_first,
    transfer,
)
from tests.support.network import Network, get_account, make_economy, review

Code = SettleExternalTransferCode
CONFLICTED, INEFFECTIVE = TransferOutcome.CONFLICTED, TransferOutcome.INEFFECTIVE
GIVEN_BACK = (
    "CommittedRequest removed",
    "ExternalTransfer changed",
    "ReviewableRequest changed",
    "TransferFlow changed",
)
PAID = (
    "AssetSupply changed",
    "Balance changed",
    "CommittedRequest removed",
    "ExternalTransfer changed",
    "ReviewableRequest removed",
)


def set_float(network: Network) -> None:
    """bob's 1,000 pay for transfers."""
    confirm_first(network)
    balance = StringValue(encode_balance_id(network.get_balance_id("bob", "ETH")))
    key = f"network_fee_balance:{CHAIN}"
    network.apply("master", ManageKeyValue(key, PutKeyValue(balance)))


def pay_the_cancel(network: Network) -> None:
    commit_and_cancel(network)
    network.apply("master", settle(2))


def check_paid(network: Network, _: OperationResult) -> None:
    found = get_transfer(network)
    assert (found.state, found.outcome) == (TransferState.SETTLED, TransferOutcome.PAID)
    assert (found.evidence, found.settled_at_ms) == (
        EVIDENCE,
        network.ledger.header.close_time_ms,
    )
    assert network.get_amount("alice", "ETH") == 900
    supply = network.ledger.state.get_asset_supply("ETH")
    assert supply is not None
    assert supply.issued == 1_900


def check_given_back(network: Network, _: OperationResult) -> None:
    request = network.ledger.state.get_reviewable_request(get_transfer(network).requests[0])
    assert request is not None
    assert request.pending_tasks == 64 | 128 | 256
    flow = network.ledger.state.get_transfer_flow(CHAIN, "ETH", get_transfer(network).purpose)
    assert flow is not None
    assert (flow.total, flow.buckets[0].amount) == (0, 0)


def check_fee(taken: int, debt: int) -> Any:
    def check(network: Network, result: OperationResult) -> None:
        owed = NetworkFee("ETH", Amount(debt)) if debt else None
        assert result.outcome == SettleExternalTransferResult(owed)
        assert network.get_amount("bob", "ETH") == 1_000 - taken
        found = network.ledger.state.get_network_fee_debt(1)
        expected = NetworkFeeDebt(1, CHAIN, "ETH", Amount(debt)) if debt else None
        assert found == expected

    return check


CASES = (
    Case(
        "paid",
        "master",
        lambda _: settle(),
        changes=PAID,
        given=confirm_first,
        check=check_paid,
    ),
    Case(
        "conflicted",
        "master",
        lambda _: settle(outcome=CONFLICTED),
        changes=GIVEN_BACK,
        given=confirm_first,
        check=check_given_back,
    ),
    Case(
        "ineffective",
        "master",
        lambda _: settle(outcome=INEFFECTIVE),
        changes=GIVEN_BACK,
        given=confirm_first,
        check=check_given_back,
    ),
    Case(
        "unknown",
        "master",
        lambda _: mark_unknown(),
        changes=("ExternalTransfer changed",),
        given=confirm_first,
    ),
    Case(
        "a fee that the float covers",
        "master",
        lambda _: settle(fee=7),
        changes=(*PAID, "Balance changed"),
        given=set_float,
        check=check_fee(7, 0),
    ),
    Case(
        "a fee that it does not",
        "master",
        lambda _: settle(fee=1_007),
        changes=(*PAID, "Balance changed", "NetworkFeeDebt made"),
        given=set_float,
        check=check_fee(1_000, 7),
    ),
    Case(
        "a fee without a float",
        "master",
        lambda _: settle(fee=7),
        changes=(*PAID, "NetworkFeeDebt made"),
        given=confirm_first,
        check=check_fee(0, 7),
    ),
    Case(
        "a fee of nothing",
        "master",
        lambda _: replace(settle(), network_fee=NetworkFee("ETH", Amount(0))),
        Code.INVALID_FEE,
        given=confirm_first,
    ),
    Case(
        "a fee of what is not known",
        "master",
        lambda _: replace(mark_unknown(), network_fee=NetworkFee("ETH", Amount(1))),
        Code.INVALID_FEE,
        given=confirm_first,
    ),
    Case("again", "master", lambda _: settle(), Code.TRANSFER_IS_SETTLED, given=settle_first),
    Case("not sent", "master", lambda _: mark_unknown(), Code.NOT_CONFIRMED, given=commit),
    Case(
        "paid though it is cancelled",
        "master",
        lambda _: settle(),
        Code.CONTRADICTS,
        given=pay_the_cancel,
    ),
    Case(
        "a fee in no asset",
        "master",
        lambda _: settle(fee=7, asset="NONE"),
        Code.FEE_ASSET_NOT_FOUND,
        given=confirm_first,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_settle_external_transfer(case: Case) -> None:
    run_case(case)


def test_what_arrived_is_paid_whatever_was_halted_or_blocked_meanwhile() -> None:
    network = make_economy()
    confirm_first(network)
    network.apply("master", ManageAssetHalt("ETH", None, True))
    put(network, make_account_role(2, "general", "send-transactions"))
    effects = network.apply("master", settle()).applied[0].effects
    ended = [each.detail for each in effects if each.kind is EffectKind.REQUEST_CHANGED]
    request_id = get_transfer(network).requests[0]
    assert ended == [RequestChange(request_id, "withdrawal", RequestEvent.FULFILLED, 0)]
    assert network.get_amount("alice", "ETH") == 900


def test_the_owner_of_the_float_is_told_what_is_owed() -> None:
    network = make_economy()
    set_float(network)
    effects = network.apply("master", settle(fee=1_007)).applied[0].effects
    [owed] = [each for each in effects if each.kind is EffectKind.NETWORK_FEE_OWED]
    assert (owed.account_id, owed.detail) == (
        get_account("bob"),
        NetworkFeeOwed(1, "ETH", Amount(7)),
    )


def test_a_refund_comes_only_after_a_cancel_is_settled() -> None:
    network = make_economy()
    commit(network)
    network.apply("master", cancel(network, 1))
    network.apply("master", settle(2))
    network.apply("master", settle(1, CONFLICTED))
    request_id = get_transfer(network).requests[0]
    network.apply("master", review(network, request_id, ReviewAction.PERMANENT_REJECT))
    assert network.get_amount("alice", "ETH") == 1_000


def test_what_came_to_nothing_is_committed_again() -> None:
    network = make_economy()
    confirm_first(network)
    network.apply("master", settle(outcome=INEFFECTIVE))
    network.apply("master", transfer(network, *get_transfer(network).requests))
    assert get_transfer(network, 2).requests == get_transfer(network).requests


def test_requests_of_several_people_are_paid_at_once() -> None:
    network = make_economy()
    commit(network)
    asked = [ask(network, "bob", 50), ask(network, "alice", 70)]
    network.apply("master", transfer(network, *asked))
    network.apply("master", settle(2))
    assert (network.get_amount("alice", "ETH"), network.get_amount("bob", "ETH")) == (830, 950)

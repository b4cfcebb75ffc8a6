"""A request to issue: what it promises, what fulfilling and ending it do."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, LimitKind
from schemas.generated.ledger import (
    BalanceMovement,
    EffectKind,
    ParticipantEffect,
    RequestChange,
    RequestEvent,
)
from schemas.generated.operations import ReviewAction, ReviewRequest, ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from schemas.tasks import Task
from streams.ledger.invariants import check_everything
from streams.ledger.references import DAY_MS
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.support.network import Network, get_account, issue, make_economy, put_limit, review

MAXIMUM, ISSUED = 10**30, 2_000_000


def get_supply(network: Network) -> tuple[int, int, int]:
    """Of EUR: available, issued, promised."""
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    return supply.available_for_issuance, supply.issued, supply.pending_issuance


def ask(tasks: int) -> Network:
    """An economy whose fourth request would issue 5 EUR to alice."""
    network = make_economy()
    asked = replace(issue(network, "alice", "EUR", 5, "gift"), all_tasks=tasks)
    network.apply("issuer", asked)
    return network


@pytest.mark.parametrize("tasks", [0, 16])
def test_the_amount_is_issued_to_the_receiver(tasks: int) -> None:
    network = ask(tasks)
    if tasks:
        assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 5)
        assert network.get_amount("alice", "EUR") == 1_000_000
        network.apply("master", review(network, 4))
    assert get_supply(network) == (MAXIMUM - ISSUED - 5, ISSUED + 5, 0)
    assert network.get_amount("alice", "EUR") == 1_000_005
    check_everything(network.ledger.state)


def test_a_rejected_request_promises_nothing() -> None:
    network = ask(16)
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 0)
    check_everything(network.ledger.state)


def test_the_receiver_is_asked_again_when_it_is_fulfilled() -> None:
    network = ask(16)
    alice = network.ledger.state.get_account(get_account("alice"))
    assert alice is not None
    mute = make_account_role(9, "mute", "send-transactions")
    put(network, mute, replace(alice, role_id=U64(9)))
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(
        FulfilmentRefused(FulfilmentCode.COUNTERPARTY_NOT_ALLOWED, "")
    )
    assert get_supply(network) == (MAXIMUM - ISSUED, ISSUED, 5)


def test_a_limit_of_deposits_holds_it_until_the_period_has_passed() -> None:
    network = make_economy()
    network.apply("master", put_limit(LimitKind.DEPOSIT, "EUR", 8))
    for reference, amount in (("first", 5), ("second", 4)):
        network.apply("issuer", issue(network, "alice", "EUR", amount, reference))
    assert network.get_amount("alice", "EUR") == 1_000_005
    request = network.ledger.state.get_reviewable_request(5)
    assert request is not None
    assert request.pending_tasks == Task.LIMIT_EXCEEDED
    made = replace(review(network, 5), tasks_to_remove=0)
    assert not get_result(network, made, 1_000).fulfilled
    assert get_result(network, made, DAY_MS).fulfilled
    assert network.get_amount("alice", "EUR") == 1_000_009
    check_everything(network.ledger.state)


def get_result(network: Network, made: ReviewRequest, interval_ms: int) -> Any:
    closed = network.apply_signed("master", ["master"], made, interval_ms=interval_ms)
    return closed.applied[0].result.operations[0].outcome


def test_the_effects_of_a_review_are_those_of_a_request_without_tasks() -> None:
    """After the creation: what happened to the request, and what it moved."""
    network = make_economy()
    direct = network.apply("issuer", issue(network, "alice", "EUR", 10, "now")).applied[0]
    ask = replace(issue(network, "alice", "EUR", 10, "later"), all_tasks=48)
    asked = network.apply("issuer", ask).applied[0]
    reviewed = network.apply("master", review(network, 5)).applied[0]
    issuer, receiver = get_account("issuer"), network.get_balance_id("alice", "EUR")

    def changed(request_id: int, event: RequestEvent, tasks: int) -> ParticipantEffect:
        detail = RequestChange(U64(request_id), "issuance", event, tasks)
        return ParticipantEffect(0, issuer, EffectKind.REQUEST_CHANGED, detail)

    movement = BalanceMovement(receiver, "EUR", Amount(10), None)
    issued = ParticipantEffect(0, get_account("alice"), EffectKind.ISSUED, movement)
    assert direct.effects == [
        changed(4, RequestEvent.CREATED, 0),
        issued,
        changed(4, RequestEvent.FULFILLED, 0),
    ]
    assert asked.effects[0] == changed(5, RequestEvent.CREATED, 48)
    assert reviewed.effects[1:] == [issued, changed(5, RequestEvent.FULFILLED, 0)]

"""A request for limits takes effect as it was asked for, or not at all."""

from schemas.generated.common import Limit, LimitKind
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import ManageLimits, PutLimit, ReviewAction, ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode
from tests.streams.ledger.operations.test_create_manage_limits_request import (
    ask,
    make,
    make_limit,
    set_tasks,
)
from tests.support.network import (
    Network,
    create_asset,
    get_account,
    make_economy,
    put_limit,
    review,
)


def make_request() -> Network:
    """alice has a limit of withdrawals, and asks for one of all that she spends."""
    network = make_economy()
    network.apply("master", put_limit(LimitKind.WITHDRAW, "EUR", 1, account="alice"))
    ask(network)
    return network


def get_limits(network: Network) -> tuple[Limit, ...]:
    entry = network.ledger.state.get_limits(get_account("alice"), None)
    assert entry is not None
    return entry.limits


def test_an_approved_one_gives_the_account_the_limits_beside_its_others() -> None:
    network = make_request()
    [applied] = network.apply("master", review(network, 4)).applied
    limits = get_limits(network)
    assert limits[0] == make_limit()
    assert [each.kind for each in limits] == [LimitKind.SPEND, LimitKind.WITHDRAW]
    assert [each.kind for each in applied.effects] == [
        EffectKind.PARTICIPATED,
        EffectKind.REQUEST_CHANGED,
    ]


def test_a_rejected_one_changes_nothing() -> None:
    network = make_request()
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert [each.kind for each in get_limits(network)] == [LimitKind.WITHDRAW]


def refuse_last(network: Network) -> FulfilmentCode:
    last = network.ledger.state.get_counters().request
    [result] = network.apply("master", review(network, last)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail is not None
    code: FulfilmentCode = result.detail.data.code  # type: ignore[union-attr]
    return code


def test_what_does_not_fit_beside_the_others_is_refused() -> None:
    network = make_economy()
    set_tasks(network)
    codes = [f"A{number}" for number in range(32)]
    network.close(*(network.prepare("issuer", create_asset(code)) for code in codes))
    limits = (make_limit(asset=code) for code in codes)
    alice = get_account("alice")
    network.apply("master", *(ManageLimits(alice, None, PutLimit(each)) for each in limits))
    network.apply("alice", make())
    assert refuse_last(network) is FulfilmentCode.TOO_MANY_LIMITS


def test_a_second_one_that_converts_is_refused() -> None:
    network = make_economy()
    set_tasks(network)
    network.apply("issuer", create_asset("USD"))
    converting = put_limit(LimitKind.SPEND, "USD", 1, account="alice", is_convert_needed=True)
    network.apply("master", converting)
    limit = make_limit()
    mine = Limit(limit.kind, limit.asset, is_convert_needed=True, amounts=limit.amounts)
    network.apply("alice", make(mine))
    assert refuse_last(network) is FulfilmentCode.CONVERTING_LIMIT_EXISTS

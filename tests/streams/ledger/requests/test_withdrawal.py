"""A request to withdraw ends in a withdrawal, or gives back all that it held."""

from msgspec.structs import replace

from schemas.generated.common import Amount, Fee, LimitKind
from schemas.generated.ledger import BalanceMovement, EffectKind
from schemas.generated.operations import ManageAssetHalt, ReviewAction, ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.streams.ledger.operations.test_create_withdrawal_request import (
    get_amounts,
    make,
    make_fee,
)
from tests.support.network import Network, get_account, make_economy, put_limit, review
from tests.support.requests import govern

DAY_MS = 86_400_000
FEE = Fee(Amount(3), Amount(1))
POOR_ROLE = 9


def ask() -> Network:
    """alice asks for 100 of her 1,000, with a fee of 4; a limit counts it."""
    network = make_economy()
    make_fee(network)
    network.apply("master", put_limit(LimitKind.SPEND, "WDR", 500))
    network.apply("alice", make(network, fee_max=FEE))
    return network


def get_counted(network: Network) -> tuple[int, int]:
    """In the day and in the year."""
    name = (get_account("alice"), LimitKind.SPEND, "WDR", False)
    statistics = network.ledger.state.get_statistics(*name)
    assert statistics is not None
    return statistics.totals.daily, statistics.totals.annual


def get_issued(network: Network) -> int:
    supply = network.ledger.state.get_asset_supply("WDR")
    assert supply is not None
    return supply.issued


def test_an_approved_one_leaves_the_network() -> None:
    network = ask()
    [applied] = network.apply("master", review(network, 6)).applied
    assert get_amounts(network) == (896, 0)
    assert get_issued(network) == 900
    assert network.get_amount("master", "WDR") == 4
    assert get_counted(network) == (100, 100)
    assert network.ledger.state.get_pending_statistics(6) is None
    kinds = [each.kind for each in applied.effects]
    assert kinds == [
        EffectKind.PARTICIPATED,
        EffectKind.WITHDRAWN,
        EffectKind.FUNDED,
        EffectKind.REQUEST_CHANGED,
    ]
    balance_id = network.get_balance_id("alice", "WDR")
    assert applied.effects[1].detail == BalanceMovement(balance_id, "WDR", Amount(100), FEE)


def test_a_rejected_one_gives_everything_back() -> None:
    network = ask()
    rejection = review(network, 6, ReviewAction.PERMANENT_REJECT)
    [applied] = network.apply("master", rejection).applied
    assert get_amounts(network) == (1_000, 0)
    assert get_issued(network) == 1_000
    assert get_counted(network) == (0, 0)
    assert network.ledger.state.get_pending_statistics(6) is None
    assert [each.kind for each in applied.effects] == [
        EffectKind.PARTICIPATED,
        EffectKind.UNLOCKED,
        EffectKind.REQUEST_CHANGED,
    ]


def test_what_was_counted_is_taken_back_from_periods_that_are_still_current() -> None:
    network = ask()
    network.close(interval_ms=DAY_MS)
    network.apply("alice", replace(make(network, 7, fee_max=FEE), reference=other(network)))
    assert get_counted(network) == (7, 107)
    network.apply("master", review(network, 6, ReviewAction.PERMANENT_REJECT))
    assert get_counted(network) == (7, 7)


def other(network: Network) -> object:
    return replace(make(network).reference, text="other")


def test_who_may_not_withdraw_any_more_gets_nothing() -> None:
    network = ask()
    alice = network.ledger.state.get_account(get_account("alice"))
    assert alice is not None
    put(
        network,
        make_account_role(POOR_ROLE, "poor", "send-transactions", "create-requests"),
        replace(alice, role_id=POOR_ROLE),
    )
    [result] = network.apply("master", review(network, 6)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    why = FulfilmentRefused(FulfilmentCode.REQUESTOR_NOT_ALLOWED, "")
    assert result.detail == RefusalDetail(why)
    assert get_amounts(network) == (896, 104)


def test_while_withdrawals_are_halted_it_waits() -> None:
    network = ask()
    network.apply("master", ManageAssetHalt("WDR", None, True))
    [result] = network.apply("master", review(network, 6)).applied[0].result.operations
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.ASSET_HALTED, ""))
    network.apply("master", govern(ManageAssetHalt("WDR", None, False)))
    network.apply("master", review(network, 6))
    assert get_amounts(network) == (896, 0)

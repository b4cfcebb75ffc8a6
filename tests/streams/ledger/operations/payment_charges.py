"""Payments with fees and limits, case by case."""

from msgspec.structs import replace

from schemas.generated.common import (
    Amount,
    Fee,
    LimitKind,
    LimitPeriod,
    PeriodAmounts,
    Price,
)
from schemas.generated.operations import (
    CreateAssetPair,
    ManageAssetPair,
    Payment,
    PaymentCode,
    PaymentFeeData,
    PaymentResult,
)
from schemas.generated.transactions import (
    FeesDue,
    LimitExceeded,
    OperationResult,
    RefusalDetail,
)
from tests.streams.ledger.operations.cases import Case
from tests.support.network import (
    Network,
    accept_fees,
    create_asset,
    get_account,
    pay,
    put_limit,
    set_fee,
)


def set_fees(network: Network) -> None:
    """5 and 1 % outgoing, 3 incoming."""
    network.apply("master", set_fee("EUR", 1, 5, 1_000_000), set_fee("EUR", 2, 3))


def set_large_incoming_fee(network: Network) -> None:
    network.apply("master", set_fee("EUR", 2, 8))


def pay_with_fees(network: Network, accepted: PaymentFeeData | None, amount: int = 101) -> Payment:
    return replace(pay(network, "alice", "bob", "EUR", amount), fee_data=accepted)


def check_fees(network: Network, result: OperationResult) -> None:
    """One percent of 101 is rounded up to 2."""
    check_amounts(network, -101 - 5 - 2, 101 - 3, 5 + 2 + 3)
    assert isinstance(result.outcome, PaymentResult)
    assert result.outcome.source_sent == 108
    assert result.outcome.source_fee == Fee(Amount(5), Amount(2))
    assert result.outcome.destination_fee == Fee(Amount(3), Amount(0))


def check_all_paid_by_sender(network: Network, result: OperationResult) -> None:
    check_amounts(network, -101 - 5 - 2 - 3, 101, 5 + 2 + 3)
    assert isinstance(result.outcome, PaymentResult)
    assert result.outcome.source_sent == 111


def check_amounts(network: Network, alice: int, bob: int, master: int) -> None:
    assert network.get_amount("alice", "EUR") == 1_000_000 + alice
    assert network.get_amount("bob", "EUR") == 1_000_000 + bob
    assert network.get_amount("master", "EUR") == master


def check_due(_: Network, result: OperationResult) -> None:
    due = FeesDue("EUR", Fee(Amount(5), Amount(2)), Fee(Amount(3), Amount(0)))
    assert result.detail == RefusalDetail(due)


def limit_spending(network: Network) -> None:
    """100 a day of any kind, 1000 of payments."""
    network.apply(
        "master",
        put_limit(LimitKind.SPEND, "EUR", 100),
        put_limit(LimitKind.PAYMENT_OUT, "EUR", 1000),
    )


def spend_some(network: Network) -> None:
    limit_spending(network)
    network.apply("alice", pay(network, "alice", "bob", "EUR", 60))


def limit_in_usd(network: Network) -> None:
    network.apply("issuer", create_asset("USD"))
    network.apply("master", put_limit(LimitKind.SPEND, "USD", 100, is_convert_needed=True))


def limit_in_usd_by_an_old_price(network: Network) -> None:
    limit_in_usd(network)
    at = network.ledger.header.close_time_ms
    pair = CreateAssetPair(Price(1, 2), 1, at, 1_000, 0)
    network.apply("master", ManageAssetPair("EUR", "USD", pair))


def check_statistics(network: Network, _: OperationResult) -> None:
    alice = get_account("alice")
    for kind in (LimitKind.SPEND, LimitKind.PAYMENT_OUT):
        statistics = network.ledger.state.get_statistics(alice, kind, "EUR", False)
        assert statistics is not None
        assert statistics.totals == PeriodAmounts(*[Amount(7)] * 4)


def check_limit(network: Network, result: OperationResult) -> None:
    exceeded = LimitExceeded(
        account_id=None,
        role_id=None,
        kind=LimitKind.SPEND,
        asset="EUR",
        is_convert_needed=False,
        period=LimitPeriod.DAILY,
        limit=Amount(100),
        left=Amount(40),
    )
    assert result.detail == RefusalDetail(exceeded)


CASES = (
    Case(
        "with fees, into the master's balance, which is made",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(5, 3)),
        given=set_fees,
        changes=("Balance changed", "Balance changed", "Balance made"),
        check=check_fees,
    ),
    Case(
        "with fees, at most more than is due",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(50, 30)),
        given=set_fees,
        changes=("Balance changed", "Balance changed", "Balance made"),
        check=check_fees,
    ),
    Case(
        "with both fees, paid by the sender",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(5, 3, is_paid_by_sender=True)),
        given=set_fees,
        changes=("Balance changed", "Balance changed", "Balance made"),
        check=check_all_paid_by_sender,
    ),
    Case(
        "a fee of which no part is due",
        "alice",
        lambda n: pay_with_fees(n, None, 7),
        given=lambda n: n.apply("master", set_fee("EUR", 1, 5), set_fee("EUR", 1, 0, 0, "alice")),
        changes=("Balance changed", "Balance changed"),
        check=lambda n, _: check_amounts(n, -7, 7, 0),
    ),
    Case(
        "within two limits",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 7),
        given=limit_spending,
        changes=("Balance changed", "Balance changed", "Statistics made", "Statistics made"),
        check=check_statistics,
    ),
    Case(
        "all that is left of a limit",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 40),
        given=spend_some,
        changes=("Balance changed", "Balance changed", "Statistics changed", "Statistics changed"),
    ),
    Case(
        "with fees that the payer does not accept",
        "alice",
        lambda n: pay_with_fees(n, None),
        PaymentCode.INSUFFICIENT_FEE_AMOUNT,
        given=set_fees,
        check=check_due,
    ),
    Case(
        "with a higher fee than the payer accepts",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(4, 3)),
        PaymentCode.INSUFFICIENT_FEE_AMOUNT,
        given=set_fees,
        check=check_due,
    ),
    Case(
        "with a higher receiver's fee than the payer accepts",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(5, 2)),
        PaymentCode.INSUFFICIENT_FEE_AMOUNT,
        given=set_fees,
        check=check_due,
    ),
    Case(
        "less than the receiver's fee",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(8, 8), 7),
        PaymentCode.AMOUNT_IS_LESS_THAN_DESTINATION_FEE,
        given=set_large_incoming_fee,
    ),
    Case(
        "more than there is, with the fee",
        "alice",
        lambda n: pay_with_fees(n, accept_fees(10**6, 10**6), 1_000_000),
        PaymentCode.UNDERFUNDED,
        given=set_fees,
    ),
    Case(
        "more than is left of a limit",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 41),
        PaymentCode.LIMITS_EXCEEDED,
        given=spend_some,
        check=check_limit,
    ),
    Case(
        "limited in an asset without a price",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 1),
        PaymentCode.PAIR_NOT_FOUND,
        given=limit_in_usd,
    ),
    Case(
        "limited in an asset whose price is too old",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 1),
        PaymentCode.PRICE_TOO_OLD,
        given=limit_in_usd_by_an_old_price,
    ),
)

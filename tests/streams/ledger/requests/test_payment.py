"""A request to pay is judged when it is approved, as a payment would be then."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import LimitKind, Price
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import (
    CreateAssetPair,
    ManageAssetPair,
    PaymentToAccount,
    PaymentToBalance,
    ReviewAction,
    ReviewRequestCode,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.operations.cases import make_account_role, put
from tests.streams.ledger.operations.test_create_payment_request import ask, make, set_tasks
from tests.support.network import (
    Network,
    accept_fees,
    create_asset,
    create_balance,
    get_account,
    make_economy,
    pay,
    put_limit,
    review,
    set_fee,
)

MUTE_ROLE = 9
Code = FulfilmentCode


def make_request() -> Network:
    network = make_economy()
    ask(network)
    return network


def mute(network: Network, name: str) -> None:
    """The account's role allows nothing but transactions."""
    account = network.ledger.state.get_account(get_account(name))
    assert account is not None
    role = make_account_role(MUTE_ROLE, "mute", "send-transactions")
    put(network, role, replace(account, role_id=MUTE_ROLE))


def spend_all(network: Network) -> None:
    network.apply("alice", pay(network, "alice", "bob", "EUR", 1_000_000))


def set_large_fee(network: Network) -> None:
    network.apply("master", set_fee("EUR", 1, 8))


def limit(network: Network) -> None:
    network.apply("master", put_limit(LimitKind.SPEND, "EUR", 6))


def limit_in_usd(network: Network) -> None:
    network.apply("issuer", create_asset("USD"))
    network.apply("master", put_limit(LimitKind.SPEND, "USD", 6, is_convert_needed=True))


def limit_by_an_old_price(network: Network) -> None:
    limit_in_usd(network)
    at = network.ledger.header.close_time_ms
    pair = CreateAssetPair(Price(1, 1), 1, at, 60_000, 0)
    network.apply("master", ManageAssetPair("EUR", "USD", pair))
    network.close(interval_ms=60_000)


def forbid_transfers(network: Network) -> None:
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    put(network, replace(asset, policies=0))


def fill_bob(network: Network) -> None:
    balance = network.ledger.state.get_balance(network.get_balance_id("bob", "EUR"))
    assert balance is not None
    put(network, replace(balance, amount=AMOUNT_MAX))


def test_an_approved_one_is_paid() -> None:
    network = make_request()
    [applied] = network.apply("master", review(network, 4)).applied
    assert network.get_amount("bob", "EUR") == 1_000_007
    assert [each.kind for each in applied.effects] == [
        EffectKind.PARTICIPATED,
        EffectKind.CHARGED,
        EffectKind.FUNDED,
        EffectKind.REQUEST_CHANGED,
    ]


def test_a_rejected_one_is_not() -> None:
    network = make_request()
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert network.get_amount("bob", "EUR") == 1_000_000
    assert network.ledger.state.get_reviewable_request(4) is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda n: mute(n, "alice"), Code.REQUESTOR_NOT_ALLOWED),
        (lambda n: mute(n, "bob"), Code.COUNTERPARTY_NOT_ALLOWED),
        (forbid_transfers, Code.NOT_ALLOWED_BY_ASSET_POLICY),
        (set_large_fee, Code.INSUFFICIENT_FEE_AMOUNT),
        (spend_all, Code.UNDERFUNDED),
        (fill_bob, Code.RECEIVER_FULL_LINE),
        (limit, Code.LIMITS_EXCEEDED),
        (limit_in_usd, Code.PAIR_NOT_FOUND),
        (limit_by_an_old_price, Code.PRICE_TOO_OLD),
    ],
)
def test_what_changed_meanwhile_refuses_it(
    change: Callable[[Network], object], code: FulfilmentCode
) -> None:
    network = make_request()
    change(network)
    before = network.ledger.state.get_reviewable_request(4)
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))
    assert network.ledger.state.get_reviewable_request(4) == before


def test_a_fee_of_the_receivers_that_is_more_than_the_amount_refuses_it() -> None:
    network = make_economy()
    set_tasks(network)
    network.apply("alice", make(network, fee_data=accept_fees(0, 100)))
    network.apply("master", set_fee("EUR", 2, 8))
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    code = Code.AMOUNT_IS_LESS_THAN_DESTINATION_FEE
    assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))


def make_usd(network: Network) -> PaymentToBalance:
    network.apply("issuer", create_asset("USD"))
    network.apply("bob", create_balance("bob", "USD"))
    return PaymentToBalance(network.get_balance_id("bob", "USD"))


@pytest.mark.parametrize(
    ("get_destination", "code"),
    [
        (lambda _: PaymentToAccount(get_account("no")), Code.DESTINATION_ACCOUNT_NOT_FOUND),
        (
            lambda n: PaymentToBalance(n.get_balance_id("no", "EUR")),
            Code.DESTINATION_BALANCE_NOT_FOUND,
        ),
        (lambda n: PaymentToBalance(n.get_balance_id("alice", "EUR")), Code.SELF_PAYMENT),
        (make_usd, Code.BALANCE_ASSETS_MISMATCHED),
    ],
)
def test_what_can_never_be_paid_is_not_accepted(
    get_destination: Callable[[Network], Any], code: FulfilmentCode
) -> None:
    network = make_economy()
    set_tasks(network)
    made = make(network, destination=get_destination(network))
    [result] = network.apply("alice", made).applied[0].result.operations
    assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))

"""Payment, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import (
    U64,
    Amount,
    BalanceID,
    Reference,
)
from schemas.generated.operations import (
    Payment,
    PaymentCode,
    PaymentResult,
    PaymentToAccount,
    PaymentToBalance,
)
from schemas.generated.transactions import (
    FirstUse,
    OperationResult,
    RefusalDetail,
)
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.operations import payment_charges
from tests.streams.ledger.operations.cases import Case, make_account_role, put, run_case
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    create_balance,
    get_account,
    issue,
    make_reference,
    pay,
)

MUTE_ROLE = 9


def make_fixed_asset(network: Network) -> None:
    """An asset that may not be transferred, held by alice and bob."""
    network.apply("issuer", create_asset("FIX", policies=0))
    network.close(*(network.prepare(n, create_balance(n, "FIX")) for n in ("alice", "bob")))
    network.apply("issuer", issue(network, "alice", "FIX", 10, "fix"))


def make_second_asset(network: Network) -> None:
    network.apply("issuer", create_asset("USD"))
    network.apply("bob", create_balance("bob", "USD"))


def make_bob_deaf(network: Network) -> None:
    """bob's role no longer allows him to be paid."""
    bob = network.ledger.state.get_account(get_account("bob"))
    assert bob is not None
    put(
        network,
        make_account_role(MUTE_ROLE, "mute", "send-transactions"),
        replace(bob, role_id=U64(MUTE_ROLE)),
    )


def fill_bob(network: Network) -> None:
    """An asset whose every unit bob holds, but for one of alice's."""
    network.apply("issuer", create_asset("MAX", maximum=AMOUNT_MAX))
    network.close(*(network.prepare(n, create_balance(n, "MAX")) for n in ("alice", "bob")))
    balance = network.ledger.state.get_balance(network.get_balance_id("bob", "MAX"))
    other = network.ledger.state.get_balance(network.get_balance_id("alice", "MAX"))
    assert balance is not None
    assert other is not None
    put(network, replace(balance, amount=AMOUNT_MAX), replace(other, amount=Amount(1)))


def pay_account(network: Network, payee: str, amount: int = 7) -> Payment:
    made = pay(network, "alice", payee, "EUR", amount)
    return replace(made, destination=PaymentToAccount(get_account(payee)))


def pay_to(network: Network, balance_id: Any) -> Payment:
    return replace(pay(network, "alice", "bob", "EUR", 7), destination=PaymentToBalance(balance_id))


def check_paid(network: Network, result: OperationResult) -> None:
    assert network.get_amount("alice", "EUR") == 1_000_000 - 7
    assert network.get_amount("bob", "EUR") == 1_000_000 + 7
    assert isinstance(result.outcome, PaymentResult)
    assert result.outcome.destination == get_account("bob")
    assert result.outcome.source_sent == 7


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


def pay_once(network: Network) -> None:
    network.apply("alice", pay(network, "alice", "bob", "EUR", 1, "rent"))


def with_reference(network: Network, reference: Reference) -> Payment:
    return replace(pay(network, "alice", "bob", "EUR", 7), reference=reference)


def of_day(network: Network, difference: int) -> Reference:
    today = make_reference(network, "of a day")
    return replace(today, day=today.day + difference)


def pay_all_of_the_day(network: Network) -> None:
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=1))
    pay_once(network)


CASES = (
    Case(
        "to a balance",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 7),
        changes=("Balance changed", "Balance changed"),
        check=check_paid,
    ),
    Case(
        "with a reference",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 7, "rent"),
        changes=("Balance changed", "Balance changed"),
        check=check_paid,
    ),
    Case(
        "to an account that has a balance",
        "alice",
        lambda n: pay_account(n, "bob"),
        changes=("Balance changed", "Balance changed"),
        check=check_paid,
    ),
    Case(
        "to an account that has none: it is made",
        "alice",
        lambda n: pay_account(n, "carol"),
        given=lambda n: n.apply("master", create_account("carol")),
        changes=("Balance changed", "Balance made"),
    ),
    Case(
        "everything",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 1_000_000),
        changes=("Balance changed", "Balance changed"),
    ),
    Case(
        "another sender's reference",
        "bob",
        lambda n: pay(n, "bob", "alice", "EUR", 7, "rent"),
        given=pay_once,
        changes=("Balance changed", "Balance changed"),
    ),
    Case(
        "nothing",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 0),
        PaymentCode.INVALID_AMOUNT,
    ),
    Case(
        "a reference without a text",
        "alice",
        lambda n: with_reference(n, Reference(make_reference(n, "").day, "")),
        PaymentCode.INVALID_REFERENCE,
    ),
    Case(
        "a reference of the oldest day of the window",
        "alice",
        lambda n: with_reference(n, of_day(n, -30)),
        changes=("Balance changed", "Balance changed"),
    ),
    Case(
        "a reference of tomorrow",
        "alice",
        lambda n: with_reference(n, of_day(n, 1)),
        changes=("Balance changed", "Balance changed"),
    ),
    Case(
        "a reference of a day that has left the window",
        "alice",
        lambda n: with_reference(n, of_day(n, -31)),
        PaymentCode.REFERENCE_OUT_OF_WINDOW,
    ),
    Case(
        "a reference of the day after tomorrow",
        "alice",
        lambda n: with_reference(n, of_day(n, 2)),
        PaymentCode.REFERENCE_OUT_OF_WINDOW,
    ),
    Case(
        "a reference again, of another day",
        "alice",
        lambda n: with_reference(n, replace(of_day(n, 1), text="rent")),
        PaymentCode.REFERENCE_DUPLICATION,
        given=pay_once,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 2, "other"),
        PaymentCode.REFERENCE_QUOTA_EXCEEDED,
        given=pay_all_of_the_day,
    ),
    Case(
        "from another's balance",
        "alice",
        lambda n: pay(n, "bob", "alice", "EUR", 1),
        PaymentCode.SOURCE_BALANCE_NOT_FOUND,
    ),
    Case(
        "a reference again",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 2, "rent"),
        PaymentCode.REFERENCE_DUPLICATION,
        given=pay_once,
        check=check_first_use,
    ),
    Case(
        "to no account",
        "alice",
        lambda n: pay_account(n, "nobody"),
        PaymentCode.DESTINATION_ACCOUNT_NOT_FOUND,
    ),
    Case(
        "to no balance",
        "alice",
        lambda n: pay_to(n, BalanceID(bytes(32))),
        PaymentCode.DESTINATION_BALANCE_NOT_FOUND,
    ),
    Case(
        "to oneself",
        "alice",
        lambda n: pay(n, "alice", "alice", "EUR", 1),
        PaymentCode.SELF_PAYMENT,
    ),
    Case(
        "to oneself, by account",
        "alice",
        lambda n: pay_account(n, "alice"),
        PaymentCode.SELF_PAYMENT,
    ),
    Case(
        "to a balance of another asset",
        "alice",
        lambda n: pay_to(n, n.get_balance_id("bob", "USD")),
        PaymentCode.BALANCE_ASSETS_MISMATCHED,
        given=make_second_asset,
    ),
    Case(
        "of an asset that stays where it is",
        "alice",
        lambda n: pay(n, "alice", "bob", "FIX", 1),
        PaymentCode.NOT_ALLOWED_BY_ASSET_POLICY,
        given=make_fixed_asset,
    ),
    Case(
        "to one who may not be paid",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 1),
        PaymentCode.COUNTERPARTY_NOT_ALLOWED,
        given=make_bob_deaf,
    ),
    Case(
        "more than there is",
        "alice",
        lambda n: pay(n, "alice", "bob", "EUR", 1_000_001),
        PaymentCode.UNDERFUNDED,
    ),
    Case(
        "more than fits",
        "alice",
        lambda n: pay(n, "alice", "bob", "MAX", 1),
        PaymentCode.LINE_FULL,
        given=fill_bob,
    ),
    *payment_charges.CASES,
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_payment(case: Case) -> None:
    run_case(case)

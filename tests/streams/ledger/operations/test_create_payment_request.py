"""CreatePaymentRequest, case by case: alice asks to pay bob 7 EUR."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount
from schemas.generated.operations import (
    CreatePaymentRequest,
    CreatePaymentRequestCode,
    CreatePaymentRequestResult,
    ManageKeyValue,
    PaymentToAccount,
    PaymentToBalance,
    PutKeyValue,
    U32Value,
)
from schemas.generated.transactions import (
    FirstUse,
    FulfilmentCode,
    FulfilmentRefused,
    OperationResult,
    RefusalDetail,
)
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, create_account, get_account, make_reference

Code = CreatePaymentRequestCode
PAID = ("Balance changed", "Balance changed", "Counters changed")


def set_tasks(network: Network, tasks: int = 32) -> None:
    put_tasks = ManageKeyValue("payment_tasks:*", PutKeyValue(U32Value(tasks)))
    network.apply("master", put_tasks)


def make(network: Network, amount: int = 7, **changes: Any) -> CreatePaymentRequest:
    made = CreatePaymentRequest(
        source_balance=network.get_balance_id("alice", "EUR"),
        destination=PaymentToBalance(network.get_balance_id("bob", "EUR")),
        amount=Amount(amount),
        fee_data=None,
        subject="rent",
        reference=make_reference(network, "p"),
        creator_details=b"",
        all_tasks=None,
    )
    return replace(made, **changes)


def ask(network: Network) -> None:
    set_tasks(network)
    network.apply("alice", make(network))


def allow_one_reference(network: Network) -> None:
    ask(network)
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=1))


def make_carol(network: Network) -> None:
    set_tasks(network, 0)
    network.apply("master", create_account("carol"))


def check_pending(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreatePaymentRequestResult(U64(4), fulfilled=False)
    assert network.get_amount("alice", "EUR") == 1_000_000


def check_paid(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreatePaymentRequestResult(U64(4), fulfilled=True)
    assert network.get_amount("alice", "EUR") == 1_000_000 - 7
    assert network.get_amount("bob", "EUR") == 1_000_000 + 7


def check_underfunded(_: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.UNDERFUNDED, ""))


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


CASES = (
    Case(
        "that somebody has to approve",
        "alice",
        make,
        given=set_tasks,
        changes=("Counters changed", "ReviewableRequest made"),
        check=check_pending,
    ),
    Case(
        "of more than there is so far",
        "alice",
        lambda n: make(n, 1_000_001),
        given=set_tasks,
        changes=("Counters changed", "ReviewableRequest made"),
    ),
    Case(
        "without a reference",
        "alice",
        lambda n: make(n, reference=None),
        given=set_tasks,
        changes=("Counters changed", "ReviewableRequest made"),
    ),
    Case(
        "without tasks: paid at once",
        "alice",
        make,
        given=lambda n: set_tasks(n, 0),
        changes=PAID,
        check=check_paid,
    ),
    Case(
        "to an account, whose balance is made",
        "alice",
        lambda n: make(n, destination=PaymentToAccount(get_account("carol"))),
        given=make_carol,
        changes=("Balance changed", "Balance made", "Counters changed"),
    ),
    Case(
        "of nothing",
        "alice",
        lambda n: make(n, 0),
        Code.INVALID_AMOUNT,
    ),
    Case(
        "a reference without a text",
        "alice",
        lambda n: make(n, reference=make_reference(n, "")),
        Code.INVALID_REFERENCE,
    ),
    Case(
        "details that are not JSON",
        "alice",
        lambda n: make(n, creator_details=b"{"),
        Code.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "a task of the system's",
        "master",
        lambda n: make(n, all_tasks=4),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "from another's balance",
        "bob",
        make,
        Code.NOT_AUTHORIZED,
        given=set_tasks,
    ),
    Case(
        "a reference of long ago",
        "alice",
        lambda n: make(n, reference=replace(make_reference(n, "p"), day=1)),
        Code.REFERENCE_OUT_OF_WINDOW,
        given=set_tasks,
    ),
    Case(
        "a reference again",
        "alice",
        make,
        Code.REFERENCE_DUPLICATION,
        given=ask,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "alice",
        lambda n: make(n, reference=make_reference(n, "q")),
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_one_reference,
    ),
    Case(
        "while nobody says which tasks it has",
        "alice",
        make,
        Code.PAYMENT_TASKS_NOT_FOUND,
    ),
    Case(
        "without tasks, of more than there is",
        "alice",
        lambda n: make(n, 1_000_001),
        Code.FULFILMENT_REFUSED,
        given=lambda n: set_tasks(n, 0),
        check=check_underfunded,
    ),
    Case(
        "to no account",
        "alice",
        lambda n: make(n, destination=PaymentToAccount(get_account("nobody"))),
        Code.FULFILMENT_REFUSED,
        given=set_tasks,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_payment_request(case: Case) -> None:
    run_case(case)

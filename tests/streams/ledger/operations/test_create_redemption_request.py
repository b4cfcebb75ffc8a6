"""CreateRedemptionRequest, case by case: the issuer pays bob 7 of its 100 EUR."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount
from schemas.generated.operations import (
    CreateRedemptionRequest,
    CreateRedemptionRequestCode,
    CreateRedemptionRequestResult,
    ManageKeyValue,
    PutKeyValue,
    U32Value,
)
from schemas.generated.transactions import FirstUse, OperationResult, RefusalDetail
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.operations.cases import Case, make_account_role, put, run_case
from tests.support.network import (
    Network,
    create_account,
    create_balance,
    get_account,
    issue,
    make_reference,
)

Code = CreateRedemptionRequestCode
MUTE_ROLE = 9
HELD = ("Balance changed", "Counters changed", "ReviewableRequest made")


def fund(network: Network, tasks: int = 32) -> None:
    network.apply("issuer", create_balance("issuer", "EUR"))
    network.apply("issuer", issue(network, "issuer", "EUR", 100, "own"))
    network.apply("master", ManageKeyValue("redemption_tasks", PutKeyValue(U32Value(tasks))))


def make(network: Network, amount: int = 7, **changes: Any) -> CreateRedemptionRequest:
    made = CreateRedemptionRequest(
        source_balance=network.get_balance_id("issuer", "EUR"),
        destination=get_account("bob"),
        amount=Amount(amount),
        reference=make_reference(network, "r"),
        creator_details=b"",
        all_tasks=None,
    )
    return replace(made, **changes)


def ask(network: Network) -> None:
    fund(network)
    network.apply("issuer", make(network))


def allow_one_reference(network: Network) -> None:
    ask(network)
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=1))


def mute_bob(network: Network) -> None:
    bob = network.ledger.state.get_account(get_account("bob"))
    assert bob is not None
    role = make_account_role(MUTE_ROLE, "mute", "send-transactions", "receive-assets")
    put(network, role, replace(bob, role_id=MUTE_ROLE))


def fund_and_mute_bob(network: Network) -> None:
    fund(network)
    mute_bob(network)


def fund_and_fill_bob(network: Network) -> None:
    fund(network, 0)
    balance = network.ledger.state.get_balance(network.get_balance_id("bob", "EUR"))
    assert balance is not None
    put(network, replace(balance, amount=AMOUNT_MAX))


def fund_and_make_carol(network: Network) -> None:
    fund(network, 0)
    network.apply("master", create_account("carol"))


def forget_tasks(network: Network) -> None:
    network.apply("issuer", create_balance("issuer", "EUR"))


def get_amounts(network: Network) -> tuple[int, int, int]:
    """What the issuer may spend, what is locked, and what bob has."""
    balance = network.ledger.state.get_balance(network.get_balance_id("issuer", "EUR"))
    assert balance is not None
    return balance.amount, balance.locked, network.get_amount("bob", "EUR")


def check_locked(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateRedemptionRequestResult(U64(5), fulfilled=False)
    assert get_amounts(network) == (93, 7, 1_000_000)


def check_paid(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateRedemptionRequestResult(U64(5), fulfilled=True)
    assert get_amounts(network) == (93, 0, 1_000_007)


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


CASES = (
    Case(
        "that somebody has to approve",
        "issuer",
        make,
        given=fund,
        changes=HELD,
        check=check_locked,
    ),
    Case(
        "without tasks: paid at once",
        "issuer",
        make,
        given=lambda n: fund(n, 0),
        changes=("Balance changed", "Balance changed", "Counters changed"),
        check=check_paid,
    ),
    Case(
        "to an account whose balance is made",
        "issuer",
        lambda n: make(n, destination=get_account("carol")),
        given=fund_and_make_carol,
        changes=("Balance changed", "Balance made", "Counters changed"),
    ),
    Case(
        "of nothing",
        "issuer",
        lambda n: make(n, 0),
        Code.INVALID_AMOUNT,
        given=fund,
    ),
    Case(
        "a reference without a text",
        "issuer",
        lambda n: make(n, reference=make_reference(n, "")),
        Code.INVALID_REFERENCE,
        given=fund,
    ),
    Case(
        "details that are not JSON",
        "issuer",
        lambda n: make(n, creator_details=b"{"),
        Code.INVALID_CREATOR_DETAILS,
        given=fund,
    ),
    Case(
        "a task of the system's",
        "issuer",
        lambda n: make(n, all_tasks=1),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
        given=fund,
    ),
    Case(
        "to oneself",
        "issuer",
        lambda n: make(n, destination=get_account("issuer")),
        Code.SELF_REDEMPTION,
        given=fund,
    ),
    Case(
        "of another's asset",
        "alice",
        lambda n: make(n, source_balance=n.get_balance_id("alice", "EUR")),
        Code.NOT_AUTHORIZED,
        given=fund,
    ),
    Case(
        "from another's balance",
        "issuer",
        lambda n: make(n, source_balance=n.get_balance_id("alice", "EUR")),
        Code.NOT_AUTHORIZED,
        given=fund,
    ),
    Case(
        "a reference of long ago",
        "issuer",
        lambda n: make(n, reference=replace(make_reference(n, "r"), day=1)),
        Code.REFERENCE_OUT_OF_WINDOW,
        given=fund,
    ),
    Case(
        "a reference again",
        "issuer",
        make,
        Code.REFERENCE_DUPLICATION,
        given=ask,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "issuer",
        lambda n: make(n, reference=make_reference(n, "s")),
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_one_reference,
    ),
    Case(
        "to no account",
        "issuer",
        lambda n: make(n, destination=get_account("nobody")),
        Code.DESTINATION_NOT_FOUND,
        given=fund,
    ),
    Case(
        "to one who may not receive it",
        "issuer",
        make,
        Code.COUNTERPARTY_NOT_ALLOWED,
        given=fund_and_mute_bob,
    ),
    Case(
        "while nobody says which tasks it has",
        "issuer",
        make,
        Code.REDEMPTION_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "more than there is",
        "issuer",
        lambda n: make(n, 101),
        Code.UNDERFUNDED,
        given=fund,
    ),
    Case(
        "more than fits",
        "issuer",
        make,
        Code.RECEIVER_FULL_LINE,
        given=fund_and_fill_bob,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_redemption_request(case: Case) -> None:
    run_case(case)

"""CreateAmlAlert, case by case: about 10 of the 1,000,000 EUR that alice holds."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount
from schemas.generated.operations import (
    CreateAmlAlert,
    CreateAmlAlertCode,
    CreateAmlAlertResult,
    PaymentCode,
)
from schemas.generated.transactions import FirstUse, OperationCode, OperationResult, RefusalDetail
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, make_economy, make_reference, pay

Code = CreateAmlAlertCode


def make(network: Network, amount: int = 10, **changes: Any) -> CreateAmlAlert:
    balance_id, reference = network.get_balance_id("alice", "EUR"), make_reference(network, "a")
    return replace(CreateAmlAlert(balance_id, Amount(amount), reference, b"", 16), **changes)


def alert(network: Network) -> None:
    network.apply("master", make(network))


def get_amounts(network: Network) -> tuple[int, int, int]:
    """What alice may spend, what is locked, what is issued."""
    balance = network.ledger.state.get_balance(network.get_balance_id("alice", "EUR"))
    supply = network.ledger.state.get_asset_supply("EUR")
    assert balance is not None
    assert supply is not None
    return balance.amount, balance.locked, supply.issued


def check_locked(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateAmlAlertResult(U64(4), fulfilled=False)
    assert get_amounts(network) == (999_990, 10, 2_000_000)


def check_burned(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateAmlAlertResult(U64(4), fulfilled=True)
    assert get_amounts(network) == (999_990, 0, 1_999_990)


def check_first_use(network: Network, result: OperationResult) -> None:
    assert result.detail == RefusalDetail(FirstUse(U64(network.ledger.header.sequence - 1)))


def allow_one_reference(network: Network) -> None:
    put(network, replace(network.ledger.state.get_network_settings(), references_per_day=1))
    alert(network)


CASES = (
    Case(
        "that somebody has to decide about",
        "master",
        make,
        changes=("Balance changed", "Counters changed", "ReviewableRequest made"),
        check=check_locked,
    ),
    Case(
        "without tasks: burned at once",
        "master",
        lambda n: make(n, all_tasks=0),
        changes=("AssetSupply changed", "Balance changed", "Counters changed"),
        check=check_burned,
    ),
    Case(
        "about all that there is",
        "master",
        lambda n: make(n, 1_000_000),
        changes=("Balance changed", "Counters changed", "ReviewableRequest made"),
    ),
    Case(
        "about nothing",
        "master",
        lambda n: make(n, 0),
        Code.INVALID_AMOUNT,
    ),
    Case(
        "a reference without a text",
        "master",
        lambda n: make(n, reference=make_reference(n, "")),
        Code.INVALID_REFERENCE,
    ),
    Case(
        "details that are not JSON",
        "master",
        lambda n: make(n, creator_details=b"{"),
        Code.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "a task of the system's",
        "master",
        lambda n: make(n, all_tasks=2),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "a reference of long ago",
        "master",
        lambda n: make(n, reference=replace(make_reference(n, "a"), day=1)),
        Code.REFERENCE_OUT_OF_WINDOW,
    ),
    Case(
        "a reference again",
        "master",
        make,
        Code.REFERENCE_DUPLICATION,
        given=alert,
        check=check_first_use,
    ),
    Case(
        "more references than an account may use a day",
        "master",
        lambda n: make(n, reference=make_reference(n, "b")),
        Code.REFERENCE_QUOTA_EXCEEDED,
        given=allow_one_reference,
    ),
    Case(
        "while nobody says which tasks it has",
        "master",
        lambda n: make(n, all_tasks=None),
        Code.AML_ALERT_TASKS_NOT_FOUND,
    ),
    Case(
        "about more than there is",
        "master",
        lambda n: make(n, 1_000_001),
        Code.UNDERFUNDED,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_aml_alert(case: Case) -> None:
    run_case(case)


def test_locked_amounts_cannot_be_spent() -> None:
    network = make_economy()
    network.apply("master", make(network, 1_000_000))
    [applied] = network.apply("alice", pay(network, "alice", "bob", "EUR", 1)).applied
    assert applied.result.operations[0].outcome is PaymentCode.UNDERFUNDED


def test_only_a_role_that_may_act_for_others_raises_alerts() -> None:
    network = make_economy()
    [applied] = network.apply("bob", make(network, all_tasks=None)).applied
    assert applied.result.operations[0].outcome is OperationCode.NO_ROLE_PERMISSION

"""CreateGovernedChangeRequest, case by case."""

from typing import Any

import pytest

from schemas.generated.entries import AssetHalt
from schemas.generated.operations import (
    CreateGovernedChangeRequestCode,
    CreateGovernedChangeRequestResult,
    ManageApprovalPolicy,
    ManageAssetHalt,
    ManageKeyValue,
    RemoveApprovalPolicy,
    RemoveKeyValue,
)
from schemas.generated.transactions import (
    FulfilmentCode,
    FulfilmentRefused,
    OperationCode,
    OperationResult,
    RefusalDetail,
)
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, make_economy
from tests.support.requests import govern, put_policy

Code = CreateGovernedChangeRequestCode
LIFT = ManageAssetHalt("EUR", False, None)
REMOVE = ManageApprovalPolicy("issuance", "", RemoveApprovalPolicy())


def halt(network: Network) -> None:
    put(network, AssetHalt("EUR", True, False))


def forget_tasks(network: Network) -> None:
    network.apply("master", ManageKeyValue("governed_change_tasks", RemoveKeyValue()))


def check_done(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateGovernedChangeRequestResult(4, fulfilled=True)
    assert network.ledger.state.get_asset_halt("EUR") is None


def check_pending(tasks: int) -> Any:
    def check(network: Network, result: OperationResult) -> None:
        assert result.outcome == CreateGovernedChangeRequestResult(4, fulfilled=False)
        request = network.ledger.state.get_reviewable_request(4)
        assert request is not None
        assert request.pending_tasks == tasks

    return check


def check_cause(cause: str) -> Any:
    def check(_: Network, result: OperationResult) -> None:
        detail = FulfilmentRefused(FulfilmentCode.CHANGE_REFUSED, cause)
        assert result.detail == RefusalDetail(detail)

    return check


LATER = ("ReviewableRequest made", "Counters changed")
CASES = (
    Case(
        "a halt lifted",
        "master",
        lambda _: govern(LIFT),
        changes=("AssetHalt removed", "Counters changed"),
        given=halt,
        check=check_done,
    ),
    Case(
        "with tasks",
        "master",
        lambda _: govern(LIFT, 16),
        changes=LATER,
        given=halt,
        check=check_pending(16),
    ),
    Case(
        "under a policy",
        "master",
        lambda _: govern(REMOVE),
        changes=LATER,
        given=lambda n: n.apply("master", put_policy("governed_change", 2)),
        check=check_pending(8),
    ),
    Case("a system task", "master", lambda _: govern(LIFT, 8), Code.SYSTEM_TASKS_NOT_ALLOWED),
    Case(
        "no tasks set",
        "master",
        lambda _: govern(LIFT),
        Code.GOVERNED_CHANGE_TASKS_NOT_FOUND,
        given=forget_tasks,
    ),
    Case(
        "a change that its operation refuses",
        "master",
        lambda _: govern(REMOVE),
        Code.CHANGE_REFUSED,
        check=check_cause("manage_approval_policy_code.NOT_FOUND"),
    ),
    Case(
        "a change that can never be",
        "master",
        lambda _: govern(put_policy("gift", 1), 16),
        Code.CHANGE_REFUSED,
        check=check_cause("manage_approval_policy_code.INVALID_KIND"),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_governed_change_request(case: Case) -> None:
    run_case(case)


def test_who_may_not_do_it_may_not_ask_for_it() -> None:
    network = make_economy()
    [result] = network.apply("issuer", govern(LIFT)).applied[0].result.operations
    assert result.outcome is OperationCode.NO_ROLE_PERMISSION

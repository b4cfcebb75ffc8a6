"""ReviewRequest, case by case. Request 4 is the first after those of the economy."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, ExternalDetail, Hash
from schemas.generated.operations import (
    CreateIssuanceRequestCode,
    ReviewAction,
    ReviewRequest,
    ReviewRequestCode,
    ReviewRequestResult,
)
from schemas.generated.transactions import (
    FulfilmentCode,
    FulfilmentRefused,
    OperationResult,
    RefusalDetail,
)
from streams.ledger.values import AMOUNT_MAX
from tests.streams.ledger.operations.cases import Case, allow_general_anything, put, run_case
from tests.streams.ledger.operations.transfers import get_last_request, open_with_request
from tests.support.border import commit
from tests.support.network import Network, create_asset, issue, review
from tests.support.requests import put_policy

Code = ReviewRequestCode
TASKS = 16 | 32
SCAN = ExternalDetail("scan", "clean")


def ask_asset(network: Network) -> None:
    network.apply("issuer", create_asset("USD", tasks=TASKS))


def ask_issuance(network: Network) -> None:
    asked = issue(network, "alice", "EUR", 10, "later")
    network.apply("issuer", replace(asked, all_tasks=TASKS))


def ask_more_than_is_issuable(network: Network) -> None:
    supply = network.ledger.state.get_asset_supply("EUR")
    assert supply is not None
    put(network, replace(supply, available_for_issuance=Amount(9)))
    ask_issuance(network)


def fill_details(network: Network) -> None:
    ask_asset(network)
    for _ in range(4):
        network.apply("master", approve(network, tasks_to_remove=0, external_details=(SCAN,) * 4))


def reject(network: Network) -> None:
    ask_asset(network)
    network.apply("master", review(network, 4, ReviewAction.REJECT))


def edit(network: Network) -> None:
    reject(network)
    network.apply("issuer", replace(create_asset("USD"), request_id=U64(4)))


def fill_alice(network: Network) -> None:
    ask_issuance(network)
    balance = network.ledger.state.get_balance(network.get_balance_id("alice", "EUR"))
    assert balance is not None
    put(network, replace(balance, locked=Amount(AMOUNT_MAX - balance.amount)))


def approve(network: Network, **changes: Any) -> ReviewRequest:
    return review(network, 4, **changes)


def reject_with(**changes: Any) -> Callable[[Network], ReviewRequest]:
    return lambda network: review(network, 4, ReviewAction.REJECT, **changes)


def end(network: Network) -> ReviewRequest:
    return review(network, 4, ReviewAction.PERMANENT_REJECT)


def check_outcome(fulfilled: bool, pending_tasks: int = 0) -> Any:
    def check(network: Network, result: OperationResult) -> None:
        assert result.outcome == ReviewRequestResult(fulfilled, pending_tasks, 0, None)
        request = network.ledger.state.get_reviewable_request(4)
        assert (request is None) == (pending_tasks == 0)
        assert request is None or request.pending_tasks == pending_tasks

    return check


def check_details(network: Network, result: OperationResult) -> None:
    assert result.outcome == ReviewRequestResult(False, 33 | 1 << 31, 0, None)
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert request.external_details == (SCAN,)
    assert request.all_tasks == 16 | 33 | 1 << 31


def check_rejected(network: Network, _: OperationResult) -> None:
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert (request.reject_reason, request.pending_tasks) == ("not like this", TASKS)


def check_asset_freed(network: Network, _: OperationResult) -> None:
    network.apply("alice", create_asset("USD"))
    assert network.ledger.state.get_asset("USD") is not None


def check_reference_kept(network: Network, _: OperationResult) -> None:
    closed = network.apply("issuer", issue(network, "alice", "EUR", 10, "later"))
    [again] = closed.applied[0].result.operations
    assert again.outcome is CreateIssuanceRequestCode.REFERENCE_DUPLICATION


def check_refused_for(code: FulfilmentCode) -> Any:
    def check(_: Network, result: OperationResult) -> None:
        assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))

    return check


ISSUED = ("ReviewableRequest removed", "AssetSupply changed", "Balance changed")
CHANGED = ("ReviewableRequest changed",)


def ask_before_alice(network: Network) -> None:
    """alice may review, but the request is the master's to review."""
    ask_asset(network)
    allow_general_anything(network)


def ask_own_asset(network: Network) -> None:
    network.apply("master", put_policy("create_asset", 1))
    network.apply("master", create_asset("USD"))


def ask_under_policy(network: Network, delay_ms: int = 3_000) -> None:
    network.apply("master", put_policy("create_asset", 1, delay_ms))
    network.apply("issuer", create_asset("USD", tasks=16))


def approve_once(network: Network, delay_ms: int = 3_000) -> None:
    ask_under_policy(network, delay_ms)
    network.apply("master", approve(network, tasks_to_remove=8))


def wait_with_a_task(network: Network) -> None:
    approve_once(network, 1_000)


def execute(network: Network, **changes: Any) -> ReviewRequest:
    return review(network, 4, ReviewAction.EXECUTE, **changes)


CASES = (
    Case("another's to review", "alice", approve, Code.NOT_FOUND, given=ask_before_alice),
    Case(
        "an asset approved",
        "master",
        approve,
        changes=(
            "ReviewableRequest removed",
            "AssetReservation removed",
            "Asset made",
            "AssetSupply made",
        ),
        given=ask_asset,
        check=check_outcome(True),
    ),
    Case(
        "an issuance approved",
        "master",
        approve,
        changes=ISSUED,
        given=ask_issuance,
        check=check_outcome(True),
    ),
    Case(
        "one task done, another found",
        "master",
        lambda n: approve(n, tasks_to_remove=16, tasks_to_add=1 << 31, external_details=(SCAN,)),
        changes=CHANGED,
        given=ask_more_than_is_issuable,
        check=check_details,
    ),
    Case(
        "all tasks done, but too little is issuable",
        "master",
        lambda n: approve(n, tasks_to_remove=TASKS),
        changes=CHANGED,
        given=ask_more_than_is_issuable,
        check=check_outcome(False, 1),
    ),
    Case(
        "rejected", "master", reject_with(), changes=CHANGED, given=ask_asset, check=check_rejected
    ),
    Case(
        "an edited request",
        "master",
        approve,
        changes=(
            "ReviewableRequest removed",
            "AssetReservation removed",
            "Asset made",
            "AssetSupply made",
        ),
        given=edit,
    ),
    Case(
        "a rejected asset rejected for good",
        "master",
        end,
        changes=("ReviewableRequest removed", "AssetReservation removed"),
        given=reject,
        check=check_asset_freed,
    ),
    Case(
        "an issuance rejected for good",
        "master",
        end,
        changes=("ReviewableRequest removed", "AssetSupply changed"),
        given=ask_issuance,
        check=check_reference_kept,
    ),
    Case(
        "an approval with a reason",
        "master",
        lambda n: approve(n, reason="why not"),
        Code.INVALID_REASON,
        given=ask_asset,
    ),
    Case(
        "a rejection without a reason",
        "master",
        reject_with(reason=""),
        Code.INVALID_REASON,
        given=ask_asset,
    ),
    Case(
        "a task added and removed",
        "master",
        lambda n: approve(n, tasks_to_add=16),
        Code.INVALID_TASKS,
        given=ask_asset,
    ),
    Case(
        "a rejection with tasks",
        "master",
        reject_with(tasks_to_remove=16),
        Code.INVALID_TASKS,
        given=ask_asset,
    ),
    Case(
        "a system task added",
        "master",
        lambda n: approve(n, tasks_to_add=2),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
        given=ask_asset,
    ),
    Case(
        "a judged task removed",
        "master",
        approve,
        Code.SYSTEM_TASKS_NOT_ALLOWED,
        given=ask_more_than_is_issuable,
    ),
    Case(
        "a detail without a code",
        "master",
        lambda n: approve(n, external_details=(ExternalDetail("", "x"),)),
        Code.INVALID_EXTERNAL_DETAILS,
        given=ask_asset,
    ),
    Case(
        "an older version of the request",
        "master",
        lambda n: approve(n, sequence_number=U64(1)),
        Code.SEQUENCE_NUMBER_MISMATCHED,
        given=edit,
    ),
    Case(
        "another content",
        "master",
        lambda n: approve(n, request_hash=Hash(bytes(32))),
        Code.HASH_MISMATCHED,
        given=ask_asset,
    ),
    Case(
        "an issuance to be edited",
        "master",
        reject_with(),
        Code.REJECT_NOT_ALLOWED,
        given=ask_issuance,
    ),
    Case("a rejected request approved", "master", approve, Code.REQUEST_IS_REJECTED, given=reject),
    Case(
        "a task that is not pending",
        "master",
        lambda n: approve(n, tasks_to_remove=64),
        Code.REMOVING_NOT_SET_TASKS,
        given=ask_asset,
    ),
    Case(
        "one detail more than there may be",
        "master",
        lambda n: approve(n, external_details=(SCAN,)),
        Code.TOO_MANY_EXTERNAL_DETAILS,
        given=fill_details,
    ),
    Case(
        "an approval by who asked",
        "master",
        approve,
        Code.REVIEWER_DOES_NOT_COUNT,
        given=ask_own_asset,
    ),
    Case(
        "an execution of what waits for none",
        "master",
        execute,
        Code.NOTHING_TO_EXECUTE,
        given=ask_asset,
    ),
    Case(
        "an execution without approvals",
        "master",
        execute,
        Code.APPROVALS_MISSING,
        given=ask_under_policy,
    ),
    Case("an execution too early", "master", execute, Code.DELAY_NOT_PASSED, given=approve_once),
    Case(
        "an execution while a task is pending",
        "master",
        execute,
        Code.TASKS_PENDING,
        given=wait_with_a_task,
    ),
    Case(
        "an execution with a reason",
        "master",
        lambda n: execute(n, reason="now"),
        Code.INVALID_REASON,
        given=ask_asset,
    ),
    Case(
        "an execution with tasks",
        "master",
        lambda n: execute(n, tasks_to_remove=16),
        Code.INVALID_TASKS,
        given=ask_asset,
    ),
    Case(
        "a balance that cannot take the amount",
        "master",
        approve,
        Code.FULFILMENT_REFUSED,
        given=fill_alice,
        check=check_refused_for(FulfilmentCode.RECEIVER_FULL_LINE),
    ),
    Case(
        "what a transfer pays",
        "master",
        lambda network: review(network, get_last_request(network), ReviewAction.PERMANENT_REJECT),
        Code.REQUEST_IS_COMMITTED,
        given=commit,
    ),
    Case(
        "what transfers do",
        "master",
        lambda network: review(network, get_last_request(network), tasks_to_remove=64),
        Code.TRANSFER_TASKS_NOT_ALLOWED,
        given=open_with_request,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_review_request(case: Case) -> None:
    run_case(case)

"""CreateManageLimitsRequest, case by case: alice asks for a limit of her own."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount, Limit, LimitKind, PeriodAmounts
from schemas.generated.operations import (
    CreateManageLimitsRequest,
    CreateManageLimitsRequestCode,
    CreateManageLimitsRequestResult,
    ManageKeyValue,
    PutKeyValue,
    ReviewAction,
    U32Value,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, review

Code = CreateManageLimitsRequestCode
HUMAN_REVIEW = 32
MADE = ("Counters changed", "ReviewableRequest made")


def make_limit(daily: int = 5, asset: str = "EUR", annual: int = 50) -> Limit:
    amounts = PeriodAmounts(Amount(daily), Amount(10), Amount(20), Amount(annual))
    return Limit(LimitKind.SPEND, asset, is_convert_needed=False, amounts=amounts)


def make(*limits: Limit, **changes: Any) -> CreateManageLimitsRequest:
    made = CreateManageLimitsRequest(U64(0), limits or (make_limit(),), b"", None)
    return replace(made, **changes)


def set_tasks(network: Network) -> None:
    put_tasks = PutKeyValue(U32Value(HUMAN_REVIEW))
    network.apply("master", ManageKeyValue("limits_update_tasks", put_tasks))


def ask(network: Network) -> None:
    set_tasks(network)
    network.apply("alice", make())


def ask_and_reject(network: Network) -> None:
    ask(network)
    network.apply("master", review(network, 4, ReviewAction.REJECT))


def check_pending(network: Network, result: OperationResult) -> None:
    assert result.outcome == CreateManageLimitsRequestResult(U64(4))
    request = network.ledger.state.get_reviewable_request(4)
    assert request is not None
    assert request.pending_tasks == HUMAN_REVIEW


CASES = (
    Case(
        "of one limit",
        "alice",
        lambda _: make(),
        given=set_tasks,
        changes=MADE,
        check=check_pending,
    ),
    Case(
        "again, after a rejection",
        "alice",
        lambda _: make(make_limit(4), request_id=U64(4)),
        given=ask_and_reject,
        changes=("ReviewableRequest changed",),
        check=check_pending,
    ),
    Case(
        "with a task named",
        "issuer",
        lambda _: make(all_tasks=64),
        changes=MADE,
    ),
    Case(
        "of nothing",
        "alice",
        lambda _: make(limits=()),
        Code.INVALID_LIMITS,
    ),
    Case(
        "of the same limit twice",
        "alice",
        lambda _: make(make_limit(1), make_limit(2)),
        Code.INVALID_LIMITS,
    ),
    Case(
        "of more in a month than in a year",
        "alice",
        lambda _: make(make_limit(annual=19)),
        Code.INVALID_LIMITS,
    ),
    Case(
        "details that are not JSON",
        "alice",
        lambda _: make(creator_details=b"{"),
        Code.INVALID_CREATOR_DETAILS,
    ),
    Case(
        "a task of the system's",
        "issuer",
        lambda _: make(all_tasks=2),
        Code.SYSTEM_TASKS_NOT_ALLOWED,
    ),
    Case(
        "without tasks",
        "issuer",
        lambda _: make(all_tasks=0),
        Code.ZERO_TASKS_NOT_ALLOWED,
    ),
    Case(
        "again, with other tasks",
        "issuer",
        lambda _: make(request_id=U64(4), all_tasks=64),
        Code.NOT_ALLOWED_TO_SET_TASKS_ON_UPDATE,
    ),
    Case(
        "of no asset",
        "alice",
        lambda _: make(make_limit(asset="USD")),
        Code.ASSET_NOT_FOUND,
        given=set_tasks,
    ),
    Case(
        "while nobody says which tasks it has",
        "alice",
        lambda _: make(),
        Code.LIMITS_UPDATE_TASKS_NOT_FOUND,
    ),
    Case(
        "again, though there was none",
        "alice",
        lambda _: make(request_id=U64(9)),
        Code.REQUEST_NOT_FOUND,
    ),
    Case(
        "again, though it is another's",
        "bob",
        lambda _: make(request_id=U64(4)),
        Code.REQUEST_NOT_FOUND,
        given=ask_and_reject,
    ),
    Case(
        "again, while it is pending",
        "alice",
        lambda _: make(request_id=U64(4)),
        Code.REQUEST_IS_PENDING,
        given=ask,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_manage_limits_request(case: Case) -> None:
    run_case(case)

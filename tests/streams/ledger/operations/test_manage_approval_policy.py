"""ManageApprovalPolicy, case by case."""

import pytest

from schemas.generated.common import Amount, ApprovalRange, ApprovalTerms
from schemas.generated.entries import ApprovalPolicy
from schemas.generated.operations import (
    ManageApprovalPolicy,
    ManageApprovalPolicyCode,
    PutApprovalPolicy,
    RemoveApprovalPolicy,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network
from tests.support.requests import put_policy

Code = ManageApprovalPolicyCode
TERMS = ApprovalTerms(2, 0)
REMOVE = ManageApprovalPolicy("issuance", "", RemoveApprovalPolicy())


def put_ranges(*bounds: tuple[int | None, int | None], asset: str = "EUR") -> ManageApprovalPolicy:
    ranges = tuple(
        ApprovalRange(
            None if lower is None else Amount(lower),
            None if upper is None else Amount(upper),
            TERMS,
        )
        for lower, upper in bounds
    )
    return ManageApprovalPolicy("issuance", asset, PutApprovalPolicy(ranges))


def put_one(network: Network) -> None:
    network.apply("master", put_policy("issuance", 2))


def check_put(network: Network, _: OperationResult) -> None:
    ranges = (ApprovalRange(None, None, ApprovalTerms(3, 5)),)
    policy = network.ledger.state.get_approval_policy("issuance", "")
    assert policy == ApprovalPolicy("issuance", "", ranges)


def put_in_vain(name: str, *bounds: tuple[int | None, int | None], asset: str = "EUR") -> Case:
    made = put_ranges(*bounds, asset=asset)
    return Case(name, "master", lambda _: made, Code.INVALID_RANGES)


CASES = (
    Case(
        "a first one",
        "master",
        lambda _: put_policy("issuance", 3, 5),
        changes=("ApprovalPolicy made",),
        check=check_put,
    ),
    Case(
        "another one",
        "master",
        lambda _: put_policy("issuance", 3, 5),
        changes=("ApprovalPolicy changed",),
        given=put_one,
        check=check_put,
    ),
    Case(
        "ranges of an asset's amounts",
        "master",
        lambda _: put_ranges((None, 9), (10, 10), (20, None)),
        changes=("ApprovalPolicy made",),
    ),
    Case("removed", "master", lambda _: REMOVE, changes=("ApprovalPolicy removed",), given=put_one),
    Case("of no kind", "master", lambda _: put_policy("gift", 2), Code.INVALID_KIND),
    put_in_vain("no range"),
    put_in_vain("a range from above to below", (9, 8)),
    put_in_vain("ranges that meet", (0, 9), (9, 10)),
    put_in_vain("ranges out of order", (10, 20), (0, 9)),
    put_in_vain("bounds for all assets", (10, None), asset=""),
    Case("of no asset", "master", lambda _: put_ranges((0, 9), asset="X"), Code.ASSET_NOT_FOUND),
    Case("none to remove", "master", lambda _: REMOVE, Code.NOT_FOUND),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_approval_policy(case: Case) -> None:
    run_case(case)

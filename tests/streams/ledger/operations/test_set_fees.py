"""SetFees, case by case."""

from collections.abc import Iterable
from typing import Any

import pytest

from schemas.generated.common import U64, AccountID, Amount, FeeRange, FeeType
from schemas.generated.operations import PutFeeRange, RemoveFeeRange, SetFees, SetFeesCode
from schemas.generated.transactions import OperationResult
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, get_account


def put_range(lower: int, upper: int, fixed: int = 1, percent: int = 0, **name: Any) -> SetFees:
    given = FeeRange(Amount(lower), Amount(upper), Amount(fixed), percent)
    return make(PutFeeRange(given), **name)


def remove_range(lower: int, upper: int, **name: Any) -> SetFees:
    return make(RemoveFeeRange(Amount(lower), Amount(upper)), **name)


def make(
    action: PutFeeRange | RemoveFeeRange,
    account_id: AccountID | None = None,
    role_id: int | None = None,
    asset: str = "EUR",
    fee_type: FeeType = FeeType.PAYMENT,
    subtype: int = 1,
) -> SetFees:
    role = None if role_id is None else U64(role_id)
    return SetFees(account_id, role, asset, fee_type, subtype, action)


def apply_all(network: Network, operations: Iterable[SetFees]) -> None:
    network.apply("master", *operations)


def get_ranges(network: Network) -> list[tuple[int, int, int]]:
    schedule = network.ledger.state.get_fee_schedule(None, None, "EUR", FeeType.PAYMENT, 1)
    assert schedule is not None
    return [(each.lower, each.upper, each.fixed) for each in schedule.ranges]


def check_order(network: Network, _: OperationResult) -> None:
    assert get_ranges(network) == [(0, 9, 1), (10, 19, 2), (20, AMOUNT_MAX, 3)]


def check_replaced(network: Network, _: OperationResult) -> None:
    assert get_ranges(network) == [(0, 9, 7)]


CASES = (
    Case(
        "the first range, for all",
        "master",
        lambda _: put_range(0, AMOUNT_MAX),
        changes=("FeeSchedule made",),
    ),
    Case(
        "of a role",
        "master",
        lambda _: put_range(0, 9, role_id=GENERAL_ROLE),
        changes=("FeeSchedule made",),
    ),
    Case(
        "of an account",
        "master",
        lambda _: put_range(0, 9, account_id=get_account("alice"), subtype=2),
        changes=("FeeSchedule made",),
    ),
    Case(
        "of withdrawals",
        "master",
        lambda _: put_range(0, 9, fee_type=FeeType.WITHDRAWAL, subtype=0),
        changes=("FeeSchedule made",),
    ),
    Case(
        "between two others, whose bounds it touches",
        "master",
        lambda _: put_range(10, 19, fixed=2),
        given=lambda n: apply_all(n, (put_range(20, AMOUNT_MAX, fixed=3), put_range(0, 9))),
        changes=("FeeSchedule changed",),
        check=check_order,
    ),
    Case(
        "another fee for the same range",
        "master",
        lambda _: put_range(0, 9, fixed=7),
        given=lambda n: apply_all(n, [put_range(0, 9)]),
        changes=("FeeSchedule changed",),
        check=check_replaced,
    ),
    Case(
        "removed",
        "master",
        lambda _: remove_range(0, 9),
        given=lambda n: apply_all(n, [put_range(0, 9), put_range(10, 10)]),
        changes=("FeeSchedule changed",),
    ),
    Case(
        "the last removed",
        "master",
        lambda _: remove_range(0, 9),
        given=lambda n: apply_all(n, [put_range(0, 9)]),
        changes=("FeeSchedule removed",),
    ),
    Case(
        "of an account and a role",
        "master",
        lambda _: put_range(0, 9, account_id=get_account("alice"), role_id=GENERAL_ROLE),
        SetFeesCode.ACCOUNT_AND_ROLE_GIVEN,
    ),
    Case(
        "a payment that is neither outgoing nor incoming",
        "master",
        lambda _: put_range(0, 9, subtype=0),
        SetFeesCode.SUB_TYPE_NOT_EXIST,
    ),
    Case(
        "a subtype of withdrawals",
        "master",
        lambda _: put_range(0, 9, fee_type=FeeType.WITHDRAWAL, subtype=1),
        SetFeesCode.SUB_TYPE_NOT_EXIST,
    ),
    Case(
        "a range the wrong way round",
        "master",
        lambda _: put_range(9, 8),
        SetFeesCode.INVALID_RANGE,
    ),
    Case(
        "of an operation",
        "master",
        lambda _: put_range(0, 0, fee_type=FeeType.OPERATION, subtype=6),
        changes=("FeeSchedule made",),
    ),
    Case(
        "of no operation",
        "master",
        lambda _: put_range(0, 0, fee_type=FeeType.OPERATION, subtype=1000),
        SetFeesCode.SUB_TYPE_NOT_EXIST,
    ),
    Case(
        "of an operation, by its amount",
        "master",
        lambda _: put_range(0, 9, fee_type=FeeType.OPERATION, subtype=6),
        SetFeesCode.OPERATION_FEE_NOT_FIXED,
    ),
    Case(
        "a percentage of an operation",
        "master",
        lambda _: put_range(0, 0, percent=1, fee_type=FeeType.OPERATION, subtype=6),
        SetFeesCode.OPERATION_FEE_NOT_FIXED,
    ),
    Case(
        "of no account",
        "master",
        lambda _: put_range(0, 9, account_id=get_account("nobody")),
        SetFeesCode.ACCOUNT_NOT_FOUND,
    ),
    Case(
        "of no role",
        "master",
        lambda _: put_range(0, 9, role_id=999),
        SetFeesCode.ROLE_NOT_FOUND,
    ),
    Case(
        "removed where there is no schedule",
        "master",
        lambda _: remove_range(0, 9),
        SetFeesCode.NOT_FOUND,
    ),
    Case(
        "removed by other bounds",
        "master",
        lambda _: remove_range(0, 8),
        SetFeesCode.NOT_FOUND,
        given=lambda n: apply_all(n, [put_range(0, 9)]),
    ),
    Case(
        "one amount in two ranges",
        "master",
        lambda _: put_range(9, 20),
        SetFeesCode.RANGE_OVERLAP,
        given=lambda n: apply_all(n, [put_range(0, 9)]),
    ),
    Case(
        "a range around another",
        "master",
        lambda _: put_range(0, AMOUNT_MAX),
        SetFeesCode.RANGE_OVERLAP,
        given=lambda n: apply_all(n, [put_range(5, 9)]),
    ),
    Case(
        "a 33rd range",
        "master",
        lambda _: put_range(400, 409),
        SetFeesCode.TOO_MANY_RANGES,
        given=lambda n: apply_all(n, (put_range(10 * i, 10 * i + 9) for i in range(32))),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_set_fees(case: Case) -> None:
    run_case(case)

"""ManageLimits, case by case."""

from typing import Any

import pytest

from schemas.generated.common import U64, AccountID, Amount, Limit, LimitKind, PeriodAmounts
from schemas.generated.operations import ManageLimits, ManageLimitsCode, PutLimit, RemoveLimit
from schemas.generated.transactions import OperationResult
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, create_asset, get_account

SPEND, DEPOSIT = LimitKind.SPEND, LimitKind.DEPOSIT


def put(
    kind: LimitKind = SPEND,
    asset: str = "EUR",
    amounts: tuple[int, int, int, int] = (1, 2, 3, 4),
    *,
    converts: bool = False,
    account_id: AccountID | None = None,
    role_id: int | None = None,
) -> ManageLimits:
    limit = Limit(kind, asset, converts, PeriodAmounts(*map(Amount, amounts)))
    return ManageLimits(account_id, None if role_id is None else U64(role_id), PutLimit(limit))


def remove(kind: LimitKind = SPEND, asset: str = "EUR", *, converts: bool = False) -> ManageLimits:
    return ManageLimits(None, None, RemoveLimit(kind, asset, converts))


def make_assets(network: Network, count: int) -> None:
    network.close(*(network.prepare("issuer", create_asset(f"A{i}")) for i in range(count)))


def make_all_limits(network: Network) -> None:
    """32 limits of 32 assets."""
    make_assets(network, 33)
    network.apply("master", *(put(asset=f"A{i}") for i in range(32)))


def make_converting_limit(network: Network) -> None:
    make_assets(network, 1)
    network.apply("master", put(asset="A0", converts=True))


def get_names(network: Network) -> list[Any]:
    entry = network.ledger.state.get_limits(None, None)
    assert entry is not None
    return [(each.kind, each.asset, each.is_convert_needed) for each in entry.limits]


def check_order(network: Network, _: OperationResult) -> None:
    assert get_names(network) == [(SPEND, "A0", True), (SPEND, "EUR", False)]


def check_left(network: Network, _: OperationResult) -> None:
    assert get_names(network) == [(DEPOSIT, "EUR", False)]


CASES = (
    Case(
        "the first, for all",
        "master",
        lambda _: put(),
        changes=("Limits made",),
    ),
    Case(
        "of a role, the same in all periods",
        "master",
        lambda _: put(amounts=(7, 7, 7, 7), role_id=GENERAL_ROLE),
        changes=("Limits made",),
    ),
    Case(
        "of an account, without end",
        "master",
        lambda _: put(amounts=(AMOUNT_MAX,) * 4, account_id=get_account("alice")),
        changes=("Limits made",),
    ),
    Case(
        "of an asset beside one that converts",
        "master",
        lambda _: put(),
        given=make_converting_limit,
        changes=("Limits changed",),
        check=check_order,
    ),
    Case(
        "another one that converts, of another kind",
        "master",
        lambda _: put(DEPOSIT, converts=True),
        given=make_converting_limit,
        changes=("Limits changed",),
    ),
    Case(
        "other amounts of one that converts",
        "master",
        lambda _: put(asset="A0", amounts=(0, 0, 0, 0), converts=True),
        given=make_converting_limit,
        changes=("Limits changed",),
    ),
    Case(
        "removed",
        "master",
        lambda _: remove(),
        given=lambda n: n.apply("master", put(), put(DEPOSIT)),
        changes=("Limits changed",),
        check=check_left,
    ),
    Case(
        "the last removed",
        "master",
        lambda _: remove(),
        given=lambda n: n.apply("master", put()),
        changes=("Limits removed",),
    ),
    Case(
        "of an account and a role",
        "master",
        lambda _: put(account_id=get_account("alice"), role_id=GENERAL_ROLE),
        ManageLimitsCode.ACCOUNT_AND_ROLE_GIVEN,
    ),
    Case(
        "more in a day than in a week",
        "master",
        lambda _: put(amounts=(3, 2, 3, 4)),
        ManageLimitsCode.INVALID_LIMITS,
    ),
    Case(
        "more in a month than in a year",
        "master",
        lambda _: put(amounts=(1, 2, 5, 4)),
        ManageLimitsCode.INVALID_LIMITS,
    ),
    Case(
        "of no account",
        "master",
        lambda _: put(account_id=get_account("nobody")),
        ManageLimitsCode.ACCOUNT_NOT_FOUND,
    ),
    Case(
        "of no role",
        "master",
        lambda _: put(role_id=999),
        ManageLimitsCode.ROLE_NOT_FOUND,
    ),
    Case(
        "removed where there is none",
        "master",
        lambda _: remove(),
        ManageLimitsCode.NOT_FOUND,
    ),
    Case(
        "removed under another name",
        "master",
        lambda _: remove(converts=True),
        ManageLimitsCode.NOT_FOUND,
        given=lambda n: n.apply("master", put()),
    ),
    Case(
        "a second one that converts, of the same kind",
        "master",
        lambda _: put(converts=True),
        ManageLimitsCode.CONVERTING_LIMIT_EXISTS,
        given=make_converting_limit,
    ),
    Case(
        "a 33rd",
        "master",
        lambda _: put(asset="A32"),
        ManageLimitsCode.TOO_MANY_LIMITS,
        given=make_all_limits,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_limits(case: Case) -> None:
    run_case(case)

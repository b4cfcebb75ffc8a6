"""Limits: which one applies, calendar periods, conversions, and taking back."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.generated.common import (
    U64,
    Amount,
    Limit,
    LimitKind,
    LimitPeriod,
    PeriodAmounts,
    Price,
)
from schemas.generated.entries import AssetPair, Limits, Statistics
from schemas.generated.keys import Entry, get_key
from schemas.generated.ledger import LedgerEntry
from schemas.generated.transactions import LimitExceeded
from streams.ledger.limits import (
    DEPOSIT_KINDS,
    PAYMENT_KINDS,
    Counts,
    Refusal,
    apply_counts,
    compute_counts,
    compute_periods,
    compute_reversed,
    list_applied,
)
from streams.ledger.prices import PriceProblem
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AMOUNT_MAX, GENERAL_ROLE
from tests.support.network import get_account, make_economy

ALICE = get_account("alice")
SPEND, PAYMENT_OUT = LimitKind.SPEND, LimitKind.PAYMENT_OUT
STATE = make_economy().ledger.state
NOON = timedelta(hours=12)
DAYS = st.integers(0, 2_900_000)  # up to the year 9909


def get_ms(year: int, month: int, day: int) -> int:
    """Noon of the day."""
    return int(datetime(year, month, day, 12, tzinfo=UTC).timestamp()) * 1_000


def make_limit(
    daily: int,
    weekly: int = AMOUNT_MAX,
    monthly: int = AMOUNT_MAX,
    annual: int = AMOUNT_MAX,
    *,
    kind: LimitKind = SPEND,
    asset: str = "EUR",
    converts: bool = False,
) -> Limit:
    amounts = PeriodAmounts(*map(Amount, (daily, weekly, monthly, annual)))
    return Limit(kind, asset, converts, amounts)


def make_state(*entries: Entry) -> LedgerDelta:
    """The economy's accounts with these entries."""
    encoded = {get_key(each): encode(LedgerEntry(each)) for each in entries}
    return LedgerDelta(LedgerState({**STATE.encoded, **encoded}))


def for_all(*limits: Limit) -> Limits:
    return Limits(None, None, limits)


def count(
    state: LedgerState,
    amount: int,
    at_ms: int = get_ms(2026, 11, 26),
    asset: str = "EUR",
    kinds: Sequence[LimitKind] = PAYMENT_KINDS,
) -> Counts | Refusal:
    return compute_counts(state, ALICE, kinds, asset, amount, at_ms)


def spend(state: LedgerDelta, amount: int, at_ms: int) -> LimitExceeded | None:
    """None: it was counted."""
    counts = count(state, amount, at_ms)
    if isinstance(counts, LimitExceeded):
        return counts
    assert isinstance(counts, tuple)
    apply_counts(state, counts)
    return None


def test_without_limits_nothing_is_counted() -> None:
    assert count(make_state(), AMOUNT_MAX) == ()
    assert count(make_state(for_all(make_limit(1, asset="USD"))), AMOUNT_MAX) == ()
    assert count(make_state(for_all(make_limit(1))), AMOUNT_MAX, kinds=DEPOSIT_KINDS) == ()


def test_the_accounts_limit_goes_before_the_roles_and_that_before_the_global_one() -> None:
    everyone = for_all(make_limit(1))
    role = Limits(None, U64(GENERAL_ROLE), (make_limit(2),))
    account = Limits(ALICE, None, (make_limit(3),))
    found = []
    for entries in ((everyone,), (everyone, role), (everyone, role, account)):
        refusal = count(make_state(*entries), 10)
        assert isinstance(refusal, LimitExceeded)
        found.append((refusal.account_id, refusal.role_id, refusal.limit))
    assert found == [(None, None, 1), (None, GENERAL_ROLE, 2), (ALICE, None, 3)]


def test_each_kind_looks_for_a_limit_of_its_own() -> None:
    account = Limits(ALICE, None, (make_limit(100),))
    state = make_state(for_all(make_limit(50), make_limit(5, kind=PAYMENT_OUT)), account)
    refusal = count(state, 6)
    assert isinstance(refusal, LimitExceeded)
    assert refusal.kind is PAYMENT_OUT
    counts = count(state, 5)
    assert isinstance(counts, tuple)
    assert [each.statistics.kind for each in counts] == [SPEND, PAYMENT_OUT]


def test_the_assets_own_limit_goes_before_the_one_that_converts() -> None:
    state = make_state(
        for_all(make_limit(1, asset="USD", converts=True), make_limit(9)),
    )
    assert isinstance(count(state, 9), tuple)


def make_pair(numerator: int, denominator: int) -> AssetPair:
    """What a EUR is worth in USD."""
    at_ms = get_ms(2026, 11, 26)
    return AssetPair("EUR", "USD", Price(numerator, denominator), 1, at_ms, 1_000, 0)


def test_amounts_are_converted_upwards_and_kept_as_counted() -> None:
    limits = for_all(make_limit(4, asset="USD", converts=True))
    state = make_state(limits, make_pair(1, 3))
    counts = count(state, 10)
    assert isinstance(counts, tuple)
    assert counts[0].amount == 4
    assert counts[0].statistics.totals.daily == 4
    assert counts[0].statistics.is_converted
    refusal = count(state, 13)
    assert isinstance(refusal, LimitExceeded)
    assert (refusal.asset, refusal.is_convert_needed, refusal.left) == ("USD", True, 4)


def test_without_a_good_price_nothing_may_be_moved() -> None:
    limits = for_all(make_limit(AMOUNT_MAX, asset="USD", converts=True))
    assert count(make_state(limits), 1) is PriceProblem.PAIR_NOT_FOUND
    late = get_ms(2026, 11, 26) + 1_001
    assert count(make_state(limits, make_pair(1, 1)), 1, late) is PriceProblem.PRICE_TOO_OLD


def test_a_limit_may_be_used_up_and_not_exceeded() -> None:
    state = make_state(for_all(make_limit(10, 15)))
    at_ms = get_ms(2026, 11, 26)
    assert spend(state, 10, at_ms) is None
    refusal = spend(state, 1, at_ms)
    assert refusal is not None
    assert (refusal.period, refusal.limit, refusal.left) == (LimitPeriod.DAILY, 10, 0)
    refusal = spend(state, 6, get_ms(2026, 11, 27))
    assert refusal is not None
    assert (refusal.period, refusal.limit, refusal.left) == (LimitPeriod.WEEKLY, 15, 5)
    assert spend(state, 5, get_ms(2026, 11, 27)) is None


def test_a_new_period_begins_from_nothing() -> None:
    steps = {
        (2026, 11, 29): LimitPeriod.WEEKLY,  # the Sunday of the week
        (2026, 11, 30): LimitPeriod.MONTHLY,  # a Monday of the same month
        (2026, 12, 1): LimitPeriod.ANNUAL,
        (2026, 12, 31): LimitPeriod.ANNUAL,
    }
    for (year, month, day), expected in steps.items():
        state = make_state(for_all(make_limit(10, 10, 10, 10)))
        assert spend(state, 10, get_ms(2026, 11, 23)) is None
        refusal = spend(state, 1, get_ms(year, month, day))
        assert refusal is not None
        assert refusal.period is expected
    state = make_state(for_all(make_limit(10, 10, 10, 10)))
    assert spend(state, 10, get_ms(2026, 12, 31)) is None
    refusal = spend(state, 1, get_ms(2027, 1, 1))  # a Friday: the week goes on
    assert refusal is not None
    assert refusal.period is LimitPeriod.WEEKLY
    assert spend(state, 10, get_ms(2027, 1, 4)) is None


@given(DAYS, DAYS)
def test_periods_are_the_calendars(one: int, other: int) -> None:
    then, now = (date(1970, 1, 1) + timedelta(days=each) for each in (one, other))
    same = [a == b for a, b in zip(compute_periods(one), compute_periods(other), strict=True)]
    assert same == [
        then == now,
        then.isocalendar()[:2] == now.isocalendar()[:2],
        (then.year, then.month) == (now.year, now.month),
        then.year == now.year,
    ]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 40)), max_size=8))
def test_totals_are_those_of_the_periods(moves: list[tuple[int, int]]) -> None:
    """Held against adding up what was moved in each period."""
    state = make_state(for_all(make_limit(AMOUNT_MAX)))
    first, moved, day = 20_600, list[tuple[int, int]](), 0
    for amount, later in moves:
        day += later
        assert spend(state, amount, (first + day) * 86_400_000 + 1) is None
        moved.append((first + day, amount))
    statistics = state.get_statistics(ALICE, SPEND, "EUR", False)
    if statistics is None:
        assert not moves
        return
    now = compute_periods(first + day)
    expected = [
        sum(amount for then, amount in moved if compute_periods(then)[place] == now[place])
        for place in range(4)
    ]
    totals = statistics.totals
    assert [totals.daily, totals.weekly, totals.monthly, totals.annual] == expected


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 100))
def test_what_is_taken_back_leaves_what_was_there(first: int, later: int, amount: int) -> None:
    """In the periods that hold both days; in newer ones it never counted."""
    day = 20_600 + first
    limits = for_all(make_limit(AMOUNT_MAX))
    with_it, without = make_state(limits), make_state(limits)
    assert spend(with_it, amount, day * 86_400_000) is None
    for state in (with_it, without):
        assert spend(state, 7, (day + later) * 86_400_000) is None
    with_statistics, expected = (get_statistics(state) for state in (with_it, without))
    assert compute_reversed(with_statistics, amount, day) == expected


def get_statistics(state: LedgerDelta) -> Statistics:
    statistics = state.get_statistics(ALICE, SPEND, "EUR", False)
    assert statistics is not None
    return statistics


def test_the_limits_that_are_listed_are_those_that_count() -> None:
    own = Limits(ALICE, None, (make_limit(3), make_limit(4, asset="WEI")))
    role = Limits(
        None,
        U64(GENERAL_ROLE),
        (make_limit(2), make_limit(5, asset="USD", converts=True), make_limit(6, asset="CHF")),
    )
    everyone = for_all(make_limit(1, asset="GBP"), make_limit(7, kind=PAYMENT_OUT))
    state = make_state(own, role, everyone)
    account = state.get_account(ALICE)
    assert account is not None
    found = list_applied(state, account, get_ms(2026, 11, 26))
    assert [(each.owner, each.limit.amounts.daily) for each in found] == [
        (own, 3),
        (own, 4),
        (role, 6),
        (role, 5),
        (everyone, 7),
    ]


def test_what_is_left_is_told_without_moving_anything() -> None:
    state = make_state(for_all(make_limit(10, 15)))
    at_ms = get_ms(2026, 11, 26)
    assert spend(state, 4, at_ms) is None
    account = state.get_account(ALICE)
    assert account is not None
    (found,) = list_applied(state, account, at_ms)
    assert found.limit == make_limit(10, 15)
    assert (found.counted.daily, found.left.daily, found.left.weekly) == (4, 6, 11)
    (later,) = list_applied(state, account, get_ms(2026, 11, 27))
    assert (later.counted.daily, later.counted.weekly) == (0, 4)

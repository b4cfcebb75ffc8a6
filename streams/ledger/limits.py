"""Limits: how much an account may move in a calendar period, and what it has moved so far.

For each kind one limit applies: the account's own before its role's, and that before the global
one; among those of one owner the asset's own before the one that converts. Statistics exist only
where a limit counts. Periods are calendar ones in UTC, weeks begin on Monday (ISO 8601). A
conversion rounds up, and what was counted is what is taken back. Pure.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from msgspec.structs import replace

from schemas.generated.common import (
    AccountID,
    Amount,
    Limit,
    LimitKind,
    LimitPeriod,
    PeriodAmounts,
)
from schemas.generated.entries import (
    Account,
    Limits,
    PendingStatistics,
    Statistics,
    StatisticsCount,
)
from schemas.generated.keys import LIMITS, KeyBytes, pending_statistics_key
from schemas.generated.transactions import LimitExceeded
from streams.ledger.prices import PriceProblem, convert
from streams.ledger.references import DAY_MS
from streams.ledger.state import LedgerDelta, LedgerState

PAYMENT_KINDS = (LimitKind.SPEND, LimitKind.PAYMENT_OUT)
WITHDRAWAL_KINDS = (LimitKind.SPEND, LimitKind.WITHDRAW)
DEPOSIT_KINDS = (LimitKind.DEPOSIT,)
KINDS_MAX = 2  # of one operation, each with statistics of its own
PERIODS = tuple(LimitPeriod)
NOTHING = (0, 0, 0, 0)
ABSENT, PRESENT = b"\x00", b"\x02"  # of the keys' optional fields
OF_ACCOUNT, OF_ROLE = LIMITS + PRESENT, LIMITS + ABSENT + PRESENT
OF_ALL = KeyBytes(LIMITS + ABSENT + ABSENT)
DAYS_PER_ERA, DAYS_BEFORE_1970 = 146_097, 719_468  # of 400 years; from March of the year 0
DAYS_PER_WEEK, MONDAY_OFFSET = 7, 3  # day 0 was a Thursday


class Count(NamedTuple):
    """An amount that fits a limit: what is counted, and the statistics with it."""

    amount: int
    statistics: Statistics


Counts: TypeAlias = tuple[Count, ...]
Refusal: TypeAlias = LimitExceeded | PriceProblem


def compute_counts(
    state: LedgerState,
    account_id: AccountID,
    kinds: Sequence[LimitKind],
    asset: str,
    amount: int,
    close_time_ms: int,
) -> Counts | Refusal:
    """What moving `amount` of `asset` counts, one count per kind that is limited; or why it may not
    be moved."""
    account = state.get_account(account_id)
    if account is None:
        return ()
    return compute_account_counts(state, account, kinds, asset, amount, close_time_ms)


def compute_account_counts(
    state: LedgerState,
    account: Account,
    kinds: Sequence[LimitKind],
    asset: str,
    amount: int,
    close_time_ms: int,
) -> Counts | Refusal:
    """The same, where the account is at hand."""
    owners = _get_limits(state, account)
    if not owners:
        return ()
    counts = []
    for kind in kinds:
        found = _find_limit(owners, kind, asset)
        if found is None:
            continue
        counted = convert(state, amount, asset, found[1].asset, close_time_ms)
        if isinstance(counted, PriceProblem):
            return counted
        count = _count(state, account.account_id, *found, counted, close_time_ms // DAY_MS)
        if isinstance(count, LimitExceeded):
            return count
        counts.append(count)
    return tuple(counts)


def apply_counts(delta: LedgerDelta, counts: Counts) -> None:
    """Remembers what was moved."""
    for count in counts:
        delta.put(count.statistics)


def apply_pending(
    delta: LedgerDelta, request_id: int, account_id: AccountID, counts: Counts
) -> None:
    """Remembers what a request has counted, so that it can be taken back."""
    apply_counts(delta, counts)
    if counts:
        rows = tuple(
            StatisticsCount(
                count.statistics.kind,
                count.statistics.asset,
                count.statistics.is_converted,
                Amount(count.amount),
            )
            for count in counts
        )
        delta.put(PendingStatistics(request_id, account_id, counts[0].statistics.day, rows))


def drop_pending(delta: LedgerDelta, request_id: int) -> PendingStatistics | None:
    """Forgets what the request counted: it took effect."""
    pending = delta.get_pending_statistics(request_id)
    if pending is not None:
        delta.remove(pending_statistics_key(request_id))
    return pending


def take_back(delta: LedgerDelta, request_id: int) -> None:
    """The request did not take effect: what it counted is left out of the periods that hold the day
    on which it was counted."""
    pending = drop_pending(delta, request_id)
    if pending is None:
        return
    for count in pending.counts:
        name = (pending.account_id, count.kind, count.asset, count.is_converted)
        statistics = delta.get_statistics(*name)
        if statistics is not None:
            delta.put(compute_reversed(statistics, count.amount, pending.day))


class AppliedLimit(NamedTuple):
    """A limit that applies to an account, whose it is, and how far it is used in the current
    periods."""

    owner: Limits
    limit: Limit
    counted: PeriodAmounts
    left: PeriodAmounts


def list_applied(
    state: LedgerState, account: Account, close_time_ms: int
) -> tuple[AppliedLimit, ...]:
    """Every limit that can apply to the account; of each kind those before the first that converts
    hide what comes after it."""
    owners, found = _get_limits(state, account), list[AppliedLimit]()
    for kind in LimitKind:
        seen = set[str]()
        for owner in owners:
            each_of_kind = [each for each in owner.limits if each.kind is kind]
            for each in sorted(each_of_kind, key=lambda limit: limit.is_convert_needed):
                if each.is_convert_needed or each.asset not in seen:
                    found.append(_compute_applied(state, account, owner, each, close_time_ms))
                seen.add(each.asset)
            if any(each.is_convert_needed for each in each_of_kind):
                break
    return tuple(found)


def get_limits_keys(account: Account) -> tuple[KeyBytes, ...]:
    """Of all entries whose limits can apply to the account."""
    return (
        KeyBytes(OF_ACCOUNT + account.account_id + ABSENT),
        KeyBytes(OF_ROLE + account.role_id.to_bytes(8)),
        OF_ALL,
    )


def _compute_applied(
    state: LedgerState, account: Account, owner: Limits, limit: Limit, close_time_ms: int
) -> AppliedLimit:
    totals = _get_totals(state, account.account_id, limit, close_time_ms // DAY_MS)
    pairs = zip(_get_each(limit.amounts), totals, strict=True)
    left = PeriodAmounts(*(Amount(max(0, most - total)) for most, total in pairs))
    counted = PeriodAmounts(*(Amount(each) for each in totals))
    return AppliedLimit(owner, limit, counted, left)


def compute_reversed(statistics: Statistics, amount: int, day: int) -> Statistics:
    """Without an amount counted on `day`, in the periods of the statistics that hold that day."""
    then, now = compute_periods(day), compute_periods(statistics.day)
    totals = (
        Amount(max(0, total - amount) if was == is_ else total)
        for total, was, is_ in zip(_get_each(statistics.totals), then, now, strict=True)
    )
    return replace(statistics, totals=PeriodAmounts(*totals))


def is_ascending(amounts: PeriodAmounts) -> bool:
    """Whether no period allows more than a longer one."""
    return amounts.daily <= amounts.weekly <= amounts.monthly <= amounts.annual


@lru_cache(maxsize=1024)
def compute_periods(day: int) -> tuple[int, int, int, int]:
    """Numbers of the day, week, month and year in which day `day` since 1970 lies."""
    year, month = _compute_month(day)
    return day, (day + MONDAY_OFFSET) // DAYS_PER_WEEK, 12 * year + month, year


def _compute_month(day: int) -> tuple[int, int]:
    """Year and month (1 to 12) of the Gregorian calendar. Source: H. Hinnant, "chrono-compatible
    low-level date algorithms", civil_from_days. Its years begin in March."""
    era, day_of_era = divmod(day + DAYS_BEFORE_1970, DAYS_PER_ERA)
    year = (day_of_era - day_of_era // 1_460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year + year // 4 - year // 100)
    month = (5 * day_of_year + 2) // 153  # 0 is March
    if month < 10:
        return 400 * era + year, month + 3
    return 400 * era + year + 1, month - 9


def _get_limits(state: LedgerState, account: Account) -> list[Limits]:
    """The account's own, its role's and the global ones, as far as there are any."""
    found = [state.find(key) for key in get_limits_keys(account)]
    return [each for each in found if type(each) is Limits]


def _find_limit(
    owners: Sequence[Limits], kind: LimitKind, asset: str
) -> tuple[Limits, Limit] | None:
    for owner in owners:
        converting = None
        for each in owner.limits:
            if each.kind is not kind:
                continue
            if each.is_convert_needed:
                converting = each
            elif each.asset == asset:
                return owner, each
        if converting is not None:
            return owner, converting
    return None


def _count(
    state: LedgerState, account_id: AccountID, owner: Limits, limit: Limit, amount: int, day: int
) -> Count | LimitExceeded:
    totals = _get_totals(state, account_id, limit, day)
    daily, weekly, monthly, annual = (
        totals[0] + amount,
        totals[1] + amount,
        totals[2] + amount,
        totals[3] + amount,
    )
    most = limit.amounts
    if daily > most.daily or weekly > most.weekly or monthly > most.monthly or annual > most.annual:
        return _make_exceeded(owner, limit, totals, amount)
    after = PeriodAmounts(Amount(daily), Amount(weekly), Amount(monthly), Amount(annual))
    kind, asset, is_converted = limit.kind, limit.asset, limit.is_convert_needed
    return Count(amount, Statistics(account_id, kind, asset, is_converted, day, after))


def _make_exceeded(
    owner: Limits, limit: Limit, totals: tuple[int, int, int, int], amount: int
) -> LimitExceeded:
    """Of the shortest period whose limit is exceeded."""
    period, total, most = next(
        (period, total, most)
        for period, total, most in zip(PERIODS, totals, _get_each(limit.amounts), strict=True)
        if total + amount > most
    )
    return LimitExceeded(
        owner.account_id,
        owner.role_id,
        limit.kind,
        limit.asset,
        limit.is_convert_needed,
        period,
        Amount(most),
        Amount(max(0, most - total)),
    )


def _get_totals(
    state: LedgerState, account_id: AccountID, limit: Limit, day: int
) -> tuple[int, int, int, int]:
    """What was counted in the periods of `day`."""
    name = (account_id, limit.kind, limit.asset, limit.is_convert_needed)
    statistics = state.get_statistics(*name)
    if statistics is None:
        return NOTHING
    daily, weekly, monthly, annual = _get_each(statistics.totals)
    if statistics.day == day:
        return daily, weekly, monthly, annual
    _, week, month, year = compute_periods(statistics.day)
    _, week_now, month_now, year_now = compute_periods(day)
    return (
        0,
        weekly if week == week_now else 0,
        monthly if month == month_now else 0,
        annual if year == year_now else 0,
    )


def _get_each(amounts: PeriodAmounts) -> tuple[int, int, int, int]:
    return amounts.daily, amounts.weekly, amounts.monthly, amounts.annual

"""Rate limits that all processes of one gateway share, without a database round trip per request.

Windows have a fixed length and begin at multiples of it by the wall clock, so that processes agree
on them; how long a window lasts is measured by the monotonic clock, so that a clock that is set
back ends no window late. Each process counts for itself, and every MERGE_SECONDS adds what it
counted to PostgreSQL, which answers with the sum. So a client that spreads over n processes may
exceed a limit by at most what the n - 1 others admit between two merges. While the store is
unavailable each process counts alone, and the error is n - 1 whole limits. Nobody is refused for
less than the limit. Limits are written and judged by the package `limits`.
"""

import ipaddress
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from gateways.http.problems import RATE_LIMITED, Problem
from gateways.http.store import Store

MERGE_SECONDS = 1.0
PRUNE_SECONDS = 60.0
WINDOW_SECONDS_MAX = 99_999  # as settings allow it
KEYS_MAX = 100_000
IPV6_PREFIX = 64  # one customer has all of it
NAT64 = (
    ipaddress.IPv6Network("64:ff9b::/96"),  # RFC 6052
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # RFC 8215, where an IPv4 address is in the last bits
)

# Sorted, or two processes that merge the same keys in different orders would lock each other.
MERGE = (
    "insert into gateway.rates as r (key, ends_at, count)"
    " select * from unnest(%s::text[], %s::bigint[], %s::bigint[]) as told (key, ends_at, count)"
    " order by key, ends_at"
    " on conflict (key, ends_at) do update set count = r.count + excluded.count"
    " returning key, ends_at, count"
)
# Also windows of a future that a wrong clock made: when it comes, they must not count.
PRUNE = "delete from gateway.rates where ends_at < %s or ends_at > %s"


class By(StrEnum):
    """For whom a request is counted."""

    ADDRESS = "address"
    KEY = "key"
    SUBJECT = "subject"


@dataclass(frozen=True, slots=True)
class RateClass:
    """One row of a gateway's table of limits, each written as "100/10 seconds"; None: no limit.

    `per_address`: of each client address. `per_key`: of each key that signs requests.
    `per_subject`: of each subject that a handler names (`Call.limit_subject`).
    """

    name: str
    per_address: str | None = None
    per_key: str | None = None
    per_subject: str | None = None


@dataclass(frozen=True, slots=True)
class Clock:
    """`wall` tells which window it is, in seconds since 1970; `monotonic` how long it lasts."""

    wall: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


@dataclass(slots=True)
class _Window:
    """`merged`: of all processes, as last told; `own`: counted here since."""

    ends_at: int
    deadline: float
    merged: int = 0
    own: int = 0


class SharedCounts(Storage):
    """The counts as `limits` sees them. Counting never waits; `merge` runs in the background."""

    STORAGE_SCHEME = None

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self._store = store
        self._windows: dict[str, _Window] = {}
        self.latest = _Window(0, 0)  # in which was counted last

    @property
    def base_exceptions(self) -> type[Exception]:
        return Problem

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = self.clock.monotonic()
        window = self._windows.get(key)
        if window is None or window.deadline <= now:
            if window is None and len(self._windows) >= KEYS_MAX:
                del self._windows[next(iter(self._windows))]
            wall = self.clock.wall()
            ends_at = (int(wall) // expiry + 1) * expiry
            window = _Window(ends_at, now + ends_at - wall)
            self._windows[key] = window
        window.own += amount
        self.latest = window
        return window.merged + window.own

    def get(self, key: str) -> int:
        window = self._windows.get(key)
        is_over = window is None or window.deadline <= self.clock.monotonic()
        return 0 if window is None or is_over else window.merged + window.own

    def get_expiry(self, key: str) -> float:
        window = self._windows.get(key)
        return self.clock.wall() if window is None else window.ends_at

    def check(self) -> bool:
        return True

    def reset(self) -> int | None:
        count = len(self._windows)
        self._windows.clear()
        return count

    def clear(self, key: str) -> None:
        self._windows.pop(key, None)

    async def merge(self) -> None:
        """Adds what was counted here, and takes over what was counted elsewhere. Raises Problem."""
        now = self.clock.monotonic()
        for key in [key for key, window in self._windows.items() if window.deadline <= now]:
            del self._windows[key]
        told = {key: (w, w.own) for key, w in self._windows.items() if w.own}
        if not told:
            return
        rows = await self._store.execute(
            MERGE,
            (
                list(told),
                [window.ends_at for window, _ in told.values()],
                [own for _, own in told.values()],
            ),
        )
        for key, _, count in rows:
            window, own = told[key]
            window.merged, window.own = count, window.own - own

    async def prune(self) -> None:
        """Forgets windows that are over. Raises Problem."""
        now = int(self.clock.wall())
        await self._store.execute(PRUNE, (now - 60, now + WINDOW_SECONDS_MAX + 60))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands in a window. `policy`, `state`: values of the RateLimit headers."""

    is_within: bool
    seconds_left: int
    policy: str
    state: str

    def make_problem(self) -> Problem:
        """The refusal of a request beyond the limit."""
        headers = {"Retry-After": str(self.seconds_left), "RateLimit-Policy": self.policy}
        return Problem(RATE_LIMITED, f"the limit is {self.policy}", headers=headers)


class RateLimits:
    """The table of rate classes with its counts. `merge` and `prune` run in the background."""

    def __init__(self, classes: Iterable[RateClass], store: Store, clock: Clock | None = None):
        self.names: set[str | None] = {None}
        self._limits: dict[tuple[str, By], tuple[RateLimitItem, str]] = {}
        for each in classes:
            self.names.add(each.name)
            self._add(each.name, By.ADDRESS, each.per_address)
            self._add(each.name, By.KEY, each.per_key)
            self._add(each.name, By.SUBJECT, each.per_subject)
        self._counts = SharedCounts(store, clock or Clock())
        self._limiter = FixedWindowRateLimiter(self._counts)
        self.merge = self._counts.merge
        self.prune = self._counts.prune

    def _add(self, name: str, by: By, text: str | None) -> None:
        if text is not None:
            limit = parse(text)
            shown = name if by is By.ADDRESS else f"{name}-{by}"
            policy = f'"{shown}";q={limit.amount};w={limit.get_expiry()}'
            self._limits[name, by] = (limit, policy)

    def hit(self, name: str | None, by: By, subject: str) -> Standing | None:
        """Counts a request of `subject` in the class `name`. None where nothing is counted."""
        if name is None or (name, by) not in self._limits:
            return None
        limit, policy = self._limits[name, by]
        is_within = self._limiter.hit(limit, name, by, subject)
        window = self._counts.latest
        remaining = max(0, limit.amount - window.merged - window.own)
        seconds_left = max(1, math.ceil(window.deadline - self._counts.clock.monotonic()))
        state = f"{policy.partition(';')[0]};r={remaining};t={seconds_left}"
        return Standing(is_within, seconds_left, policy, state)

    def require(self, name: str | None, by: By, subject: str) -> Standing | None:
        """Like `hit`, but raises Problem beyond the limit."""
        standing = self.hit(name, by, subject)
        if standing is not None and not standing.is_within:
            raise standing.make_problem()
        return standing


def get_client(address: str) -> str:
    """For whom a request is counted: an IPv4 address, or the /64 network of an IPv6 address.

    IPv6 addresses that stand for an IPv4 one (mapped, NAT64, 6to4) are counted for that one.
    """
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    embedded = parsed.ipv4_mapped or parsed.sixtofour
    if embedded is None and any(parsed in network for network in NAT64):
        embedded = ipaddress.IPv4Address(int(parsed) & 0xFFFF_FFFF)
    if embedded is not None:
        return str(embedded)
    return str(ipaddress.IPv6Network((int(parsed), IPV6_PREFIX), strict=False))

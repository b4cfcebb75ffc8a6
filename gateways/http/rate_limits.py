"""Rate limits that all processes of one gateway share, without a database round trip a request.

Windows are fixed and begin at multiples of their length by the processes' clocks. Each process
counts for itself and every MERGE_SECONDS adds what it counted to PostgreSQL, which answers with the
sum. So a client who spreads over n processes may be let in more often than the limit says, by at
most what the n - 1 others let in between two merges (a second's worth of requests each); while the
store does not answer each process counts alone, and the error is n - 1 whole limits. Nobody is ever
refused for less than the limit. How limits are written and judged is the package `limits`'.
"""

import asyncio
import ipaddress
import itertools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from limits import RateLimitItem, parse
from limits.storage import Storage
from limits.strategies import FixedWindowRateLimiter

from gateways.http.problems import Problem
from gateways.http.store import Store

MERGE_SECONDS = 1.0
PRUNE_TURNS = 60
KEYS_MAX = 100_000
IPV6_PREFIX = 64  # one customer has all of it

# Sorted, or two processes that merge the same keys in different orders would lock each other.
MERGE = (
    "insert into gateway.rates as r (key, ends_at, count)"
    " select * from unnest(%s::text[], %s::bigint[], %s::bigint[]) as told (key, ends_at, count)"
    " order by key, ends_at"
    " on conflict (key, ends_at) do update set count = r.count + excluded.count"
    " returning key, ends_at, count"
)
PRUNE = "delete from gateway.rates where ends_at < %s"


@dataclass(slots=True)
class _Window:
    """`merged`: of all processes, as last told; `own`: counted here since."""

    ends_at: int
    merged: int = 0
    own: int = 0


class SharedCounts(Storage):
    """`limits`' view of the counts. It never waits: `merge` does, in the background."""

    STORAGE_SCHEME = None

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store
        self._windows: dict[str, _Window] = {}
        self.latest = _Window(0)  # in which was counted last

    @property
    def base_exceptions(self) -> type[Exception]:
        return Problem

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        now = time.time()
        window = self._windows.get(key)
        if window is None or window.ends_at <= now:
            if window is None and len(self._windows) >= KEYS_MAX:
                del self._windows[next(iter(self._windows))]
            window = _Window((int(now) // expiry + 1) * expiry)
            self._windows[key] = window
        window.own += amount
        self.latest = window
        return window.merged + window.own

    def get(self, key: str) -> int:
        window = self._windows.get(key)
        return 0 if window is None or window.ends_at <= time.time() else window.merged + window.own

    def get_expiry(self, key: str) -> float:
        window = self._windows.get(key)
        return time.time() if window is None else window.ends_at

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
        now = int(time.time())
        for key in [key for key, window in self._windows.items() if window.ends_at <= now]:
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
        await self._store.execute(PRUNE, (int(time.time()) - 60,))


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client stands in a window. `policy`, `state`: values of the RateLimit headers."""

    is_within: bool
    seconds_left: int
    policy: str
    state: str


class RateLimits:
    """`limits`: by name, as `100/10 seconds`. Each client has its own count of each."""

    def __init__(self, limits: Mapping[str, str], store: Store) -> None:
        self._limits: dict[str, tuple[RateLimitItem, str]] = {}
        for name, text in limits.items():
            limit = parse(text)
            self._limits[name] = (limit, f'"{name}";q={limit.amount};w={limit.get_expiry()}')
        self._counts = SharedCounts(store)
        self._limiter = FixedWindowRateLimiter(self._counts)
        self._merging: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("rates")

    def start(self) -> None:
        self._merging = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._merging is not None:
            self._merging.cancel()
            await asyncio.gather(self._merging, return_exceptions=True)

    def hit(self, name: str, address: str) -> Standing:
        """Counts a request of the client at `address`."""
        limit, policy = self._limits[name]
        client = get_client(address)
        is_within = self._limiter.hit(limit, name, client)
        window = self._counts.latest
        remaining = max(0, limit.amount - window.merged - window.own)
        seconds_left = max(1, math.ceil(window.ends_at - time.time()))
        state = f'"{name}";r={remaining};t={seconds_left}'
        return Standing(is_within, seconds_left, policy, state)

    async def _run(self) -> None:
        for turn in itertools.count():
            await asyncio.sleep(MERGE_SECONDS)
            try:
                await self._counts.merge()
                if turn % PRUNE_TURNS == 0:
                    await self._counts.prune()
            except Problem as problem:
                self._log.warning("rates are not shared", problem=problem.detail)


def get_client(address: str) -> str:
    """Whom a request is counted for: an IPv4 address, or the network of an IPv6 address."""
    if ":" not in address:
        return address
    try:
        network = ipaddress.IPv6Network((address.partition("%")[0], IPV6_PREFIX), strict=False)
    except ValueError:
        return address
    return str(network)

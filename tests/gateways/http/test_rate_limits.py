"""Rate limits: classes, windows, processes that share them, and who a client is."""

import asyncio
from dataclasses import dataclass

import pytest

from gateways.http.problems import Problem
from gateways.http.rate_limits import By, Clock, RateClass, RateLimits, get_client
from gateways.http.store import Store
from tests.gateways.support import create_store
from tests.support.servers import Servers

WINDOW = 99_999  # no test sees the end of such a window
NOWHERE = "postgresql://nobody@127.0.0.1:1/x"


def make_limits(limit: str, store: Store | None = None, clock: Clock | None = None) -> RateLimits:
    return RateLimits([RateClass("reads", limit)], store or Store(NOWHERE), clock)


def is_within(limits: RateLimits, address: str = "10.0.0.1") -> bool:
    standing = limits.hit("reads", By.ADDRESS, address)
    assert standing is not None
    return standing.is_within


def test_processes_share_their_counts(servers: Servers) -> None:
    async def share() -> list[bool]:
        stores = [Store(url) for _ in range(2)]
        first, second = (make_limits(f"10/{WINDOW} seconds", store) for store in stores)
        for store in stores:
            await store.start()
        try:
            seen = [is_within(first) for _ in range(6)]
            await first.merge()
            seen += [is_within(second) for _ in range(4)]
            await second.merge()  # tells what it counted, and learns of the first's
            seen.append(is_within(second))
            seen.append(is_within(first))  # not told yet: the documented error
            await first.merge()
            seen.append(is_within(first))
            seen.append(is_within(first, "10.0.0.2"))
            await first.prune()
            return seen
        finally:
            for store in stores:
                await store.stop()

    url = create_store(servers)
    assert asyncio.run(share()) == [True] * 10 + [False, True, False, True]


def test_without_a_store_each_process_counts_alone() -> None:
    limits = make_limits(f"3/{WINDOW} seconds")
    assert [is_within(limits) for _ in range(4)] == [True, True, True, False]


def test_classes_count_by_address_by_key_and_by_subject() -> None:
    """As a log-in needs it: many tries per address, few per key, fewer per account."""
    log_in = RateClass(
        "log-in",
        per_address=f"4/{WINDOW} seconds",
        per_key=f"3/{WINDOW} seconds",
        per_subject=f"2/{WINDOW} seconds",
    )
    limits = RateLimits([log_in, RateClass("reads", f"1/{WINDOW} seconds")], Store(NOWHERE))
    for by, most in ((By.ADDRESS, 4), (By.KEY, 3), (By.SUBJECT, 2)):
        for _ in range(most):
            limits.require("log-in", by, "alice")
        with pytest.raises(Problem) as refused:
            limits.require("log-in", by, "alice")
        assert refused.value.kind.slug == "rate-limited"
        assert f";q={most};w={WINDOW}" in refused.value.headers["RateLimit-Policy"]
        assert limits.require("log-in", by, "bob") is not None
    assert is_within(limits)
    assert limits.hit("reads", By.KEY, "alice") is None
    assert limits.hit(None, By.ADDRESS, "alice") is None


@dataclass
class Time:
    """Both clocks of a machine."""

    wall: float = 1_000_000_000.5
    monotonic: float = 5.0

    def get_clock(self) -> Clock:
        return Clock(lambda: self.wall, lambda: self.monotonic)

    def pass_seconds(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


def test_a_window_ends() -> None:
    time = Time()
    limits = make_limits("1/10 seconds", clock=time.get_clock())
    assert [is_within(limits), is_within(limits)] == [True, False]
    time.pass_seconds(9.4)
    assert not is_within(limits)
    time.pass_seconds(0.2)
    assert is_within(limits)


@pytest.mark.parametrize("jump", [-3_600, 3_600])
def test_a_clock_that_jumps_locks_nobody_out(jump: int) -> None:
    time = Time()
    limits = make_limits("1/10 seconds", clock=time.get_clock())
    assert [is_within(limits), is_within(limits)] == [True, False]
    time.wall += jump
    standing = limits.hit("reads", By.ADDRESS, "10.0.0.1")
    assert standing is not None
    assert standing.seconds_left <= 10
    time.pass_seconds(10)
    assert is_within(limits)


def test_windows_of_a_wrong_future_are_forgotten(servers: Servers) -> None:
    url, time = create_store(servers), Time()

    async def count() -> int:
        store = Store(url)
        await store.start()
        try:
            time.wall += 10**9
            limits = make_limits("9/10 seconds", store, time.get_clock())
            is_within(limits)
            await limits.merge()
            time.wall -= 10**9
            await limits.prune()
            ((rows,),) = await store.execute("select count(*) from gateway.rates")
            return int(rows)
        finally:
            await store.stop()

    assert asyncio.run(count()) == 0


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:c000:207", "192.0.2.7"),
        ("64:ff9b::c000:207", "192.0.2.7"),
        ("64:ff9b:1::c000:207", "192.0.2.7"),
        ("2002:c000:207:1::1", "192.0.2.7"),
        ("64:ff9b:2::c000:207", "64:ff9b:2::/64"),
        ("what:ever", "what:ever"),
    ],
)
def test_a_client_is_an_ipv4_address_or_an_ipv6_network(address: str, client: str) -> None:
    assert get_client(address) == client

"""Tries are counted exactly: by all processes, at once, and over restarts."""

import asyncio
import contextlib
import itertools
import secrets

import psycopg
import pytest

from gateways.http.problems import Problem
from gateways.http.store import Store
from gateways.http.strict_counters import StrictCounters, StrictLimit
from tests.gateways.support import create_store
from tests.support.servers import Servers

FIVE = StrictLimit("five", 5, 3_600, 3_600, 100)
TEN_A_DAY = StrictLimit("ten", 1_000, 0, 0, 10)
DOUBLING = StrictLimit("doubling", 1, 0.2, 0.6, 100)


@pytest.fixture(scope="module")
def store_url(servers: Servers) -> str:
    return create_store(servers)


async def try_often(store_url: str, limit: StrictLimit, subject: str, tries: int) -> list[float]:
    """By two processes at once: the waits that were told, 0 for a try that was let through."""
    stores = [Store(store_url) for _ in range(2)]
    for store in stores:
        await store.start()
    counters = [StrictCounters(store) for store in stores]

    async def attempt(number: int) -> float:
        try:
            await counters[number % 2].reserve(limit, subject)
        except Problem as problem:
            return float(problem.headers["Retry-After"])
        return 0

    try:
        return await asyncio.gather(*(attempt(number) for number in range(tries)))
    finally:
        for store in stores:
            await store.stop()


@pytest.mark.parametrize(("limit", "allowed"), [(FIVE, 5), (TEN_A_DAY, 10)])
def test_of_many_at_once_as_many_pass_as_may(
    store_url: str, limit: StrictLimit, allowed: int
) -> None:
    subject = secrets.token_hex(8)
    waits = asyncio.run(try_often(store_url, limit, subject, 60))
    assert waits.count(0) == allowed
    assert min(wait for wait in waits if wait) > 3_000
    # A restart is nothing to the database.
    assert asyncio.run(try_often(store_url, limit, subject, 10)).count(0) == 0
    assert asyncio.run(try_often(store_url, limit, secrets.token_hex(8), 1)) == [0]


def test_waits_double_up_to_the_longest(store_url: str) -> None:
    async def try_until(count: int) -> None:
        store = Store(store_url)
        await store.start()
        while count:
            with contextlib.suppress(Problem):
                await StrictCounters(store).reserve(DOUBLING, "anna")
                count -= 1
            await asyncio.sleep(0.01)
        await store.stop()

    asyncio.run(try_until(5))
    with psycopg.connect(store_url) as connection:
        rows = connection.execute("select times from gateway.tries where counter = 'doubling'")
        ((times,),) = rows.fetchall()
    waits = [(b - a).total_seconds() for a, b in itertools.pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, (0.2, 0.4, 0.6, 0.6), strict=True))


def test_a_window_has_no_edge(store_url: str) -> None:
    """Ten tries a day are ten in any 24 hours, not ten before and ten after midnight."""
    subject = secrets.token_hex(8)
    assert asyncio.run(try_often(store_url, TEN_A_DAY, subject, 10)).count(0) == 10
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute(
            "update gateway.tries set times[1:4] = array(select t - interval '25 hours'"
            " from unnest(times[1:4]) as t) where cardinality(times) = 10 and counter = 'ten'"
            " and times[1] > now() - interval '20 seconds'"
        )
    assert asyncio.run(try_often(store_url, TEN_A_DAY, subject, 10)).count(0) == 4


def test_a_success_may_forget(store_url: str) -> None:
    subject = secrets.token_hex(8)
    assert asyncio.run(try_often(store_url, FIVE, subject, 6)).count(0) == 5

    async def forget() -> None:
        store = Store(store_url)
        await store.start()
        await StrictCounters(store).forget(FIVE, subject)
        await StrictCounters(store).prune()
        await store.stop()

    asyncio.run(forget())
    assert asyncio.run(try_often(store_url, FIVE, subject, 6)).count(0) == 5

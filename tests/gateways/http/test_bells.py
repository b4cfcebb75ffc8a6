"""Bells: no ring is lost between looking and waiting."""

import asyncio
import time

from gateways.http.bells import Bell


def test_a_ring_before_the_wait_is_not_lost() -> None:
    async def run() -> float:
        bell = Bell()
        seen = bell.count
        bell.ring()
        started = time.monotonic()
        await bell.wait(seen, 5)
        return time.monotonic() - started

    assert asyncio.run(run()) < 1


def test_every_waiter_is_woken_and_time_passes_without_a_ring() -> None:
    async def run() -> int:
        bell = Bell()
        waiters = [asyncio.create_task(bell.wait(bell.count, 5)) for _ in range(10)]
        await asyncio.sleep(0)
        bell.ring()
        await asyncio.wait_for(asyncio.gather(*waiters), 1)
        await bell.wait(bell.count, 0.01)
        return bell.count

    assert asyncio.run(run()) == 1

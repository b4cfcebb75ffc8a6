"""Notifications: none is lost between reading and waiting."""

import asyncio
import time

from gateways.http.listener import Channel


def test_a_notification_before_the_wait_is_not_lost() -> None:
    async def run() -> float:
        channel = Channel()
        seen = channel.count
        channel.notify()
        started = time.monotonic()
        await channel.wait(seen, 5)
        return time.monotonic() - started

    assert asyncio.run(run()) < 1


def test_every_waiter_is_woken_and_a_wait_times_out() -> None:
    async def run() -> int:
        channel = Channel()
        waiters = [asyncio.create_task(channel.wait(channel.count, 5)) for _ in range(10)]
        await asyncio.sleep(0)
        channel.notify()
        await asyncio.wait_for(asyncio.gather(*waiters), 1)
        await channel.wait(channel.count, 0.01)
        return channel.count

    assert asyncio.run(run()) == 1

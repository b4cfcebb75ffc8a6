"""How long a provider is left alone: by its failed trials, not by how many calls were under way."""

import asyncio
from collections.abc import Awaitable, Callable

from processors.notificator.channels.base import Outcome, Verdict
from processors.notificator.decisions import OPEN_S, compute_open_s
from processors.notificator.store import Store
from tests.processors.notificator.support import World

AT_ONCE = 40


def run(world: World, use: Callable[[Store], Awaitable[None]]) -> None:
    async def with_store() -> None:
        store = Store(world.url, "tests", lease_s=60, call_s=20)
        await store.start()
        try:
            await use(store)
        finally:
            await store.stop()

    asyncio.run(with_store())


def test_a_burst_of_failures_opens_for_the_shortest_time(world: World) -> None:
    async def use(store: Store) -> None:
        async def fail(*, is_trial: bool = False) -> float:
            failures = await store.note_failure("burst", "TIMEOUT", is_trial=is_trial)
            return compute_open_s(failures, Outcome(Verdict.UNKNOWN, "TIMEOUT"), 1.0) or 0.0

        times = await asyncio.gather(*(fail() for _ in range(AT_ONCE)))
        assert max(times) == OPEN_S
        await store.open_circuit("burst", 0)
        assert [await fail(is_trial=True) for _ in range(2)] == [2 * OPEN_S, 4 * OPEN_S]
        await store.note_success("burst")
        assert await fail() == 0

    run(world, use)

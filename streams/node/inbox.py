"""What the herder is to do next: steps, in the order in which they came. Shell."""

import asyncio
import time
from collections.abc import Callable

from streams.herder.outputs import Output

Step = Callable[[int], list[Output]]  # is given the time in ms, returns what is to be performed
STEPS_MAX = 1_000
ROOM_POLL_S = 0.01


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


class Inbox:
    """Not bounded by itself: who takes messages from peers waits for room first."""

    def __init__(self) -> None:
        self._steps: asyncio.Queue[Step] = asyncio.Queue()

    def put(self, step: Step) -> None:
        self._steps.put_nowait(step)

    async def put_and_wait(self, step: Step) -> None:
        """Returns when the herder takes the step, so that a bound on callers counts what waits."""
        taken = asyncio.get_running_loop().create_future()

        def take(now_ms: int) -> list[Output]:
            if not taken.cancelled():
                taken.set_result(None)
            return step(now_ms)

        self._steps.put_nowait(take)
        await taken

    async def get(self) -> Step:
        return await self._steps.get()

    async def wait_for_room(self) -> None:
        while self._steps.qsize() > STEPS_MAX:
            await asyncio.sleep(ROOM_POLL_S)

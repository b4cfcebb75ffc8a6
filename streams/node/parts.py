"""The parts of a node that run for as long as it does: none of them may end without a word. Shell.

A part that fails, or that just returns, is logged by its name and fails the node, which its
supervisor starts again: a node that lacks a part does harm, one that restarts does none.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

STOP_S = 5.0

log = structlog.get_logger()


class PartEnded(Exception):
    """A part of the node returned although nobody asked it to."""


class Parts:
    """Tasks by the names of the parts. Belongs to the event loop in which it is made."""

    def __init__(self, **parts: Coroutine[Any, Any, None]) -> None:
        self._tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]

    async def wait(self, stop: asyncio.Event) -> None:
        """Returns when `stop` is set. Raises what a part raises, or `PartEnded`."""
        stopping = asyncio.create_task(stop.wait(), name="stop")
        try:
            done, _ = await asyncio.wait(
                {*self._tasks, stopping}, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            stopping.cancel()
        if stopping in done:
            return
        for task in done:
            error = task.exception() or PartEnded(f"{task.get_name()} ended by itself")
            log.critical("a part of the node failed", part=task.get_name(), reason=repr(error))
            raise error

    async def stop(self, but: str) -> None:
        """Cancels all, except the part `but`, which ends by itself; waits for a while."""
        for task in self._tasks:
            if task.get_name() != but:
                task.cancel()
        await asyncio.wait(self._tasks, timeout=STOP_S)

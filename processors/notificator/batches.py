"""What many tasks ask of the database at the same time, as one statement and one commit."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batch(Generic[Item, Answer]):
    """While one batch is under way the next one gathers, so that it is as large as what waits.

    `work` answers items in their order, all or none. Items that fail together are tried alone,
    unless `is_passing` says of the error that it has nothing to do with them.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        is_passing: Callable[[Exception], bool],
    ) -> None:
        self._work = work
        self._is_passing = is_passing
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Answer:
        """The item's answer, once it is committed. Raises what `work` raises."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._answer(batch)
        finally:
            self._task = None

    async def _answer(self, batch: Sequence[tuple[Item, "asyncio.Future[Any]"]]) -> None:
        try:
            answers = await self._work([item for item, _ in batch])
        except Exception as error:
            if len(batch) > 1 and not self._is_passing(error):
                for each in batch:
                    await self._answer([each])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)

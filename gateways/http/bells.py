"""Bells: wake whoever waits for PostgreSQL's notifications, without losing one.

A waiter remembers the count it saw before it looked; `wait` returns at once if the bell has rung
since. A lost connection rings every bell when it is back, for nobody knows what was missed.
"""

import asyncio
from collections.abc import Sequence

import psycopg
import structlog
from psycopg import sql

RETRY_SECONDS = 1.0


class Bell:
    """Counts its rings."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def ring(self) -> None:
        self.count += 1
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seen: int, seconds: float) -> None:
        """Until `count` passes `seen`, or `seconds` have passed."""
        if self.count > seen:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._event.wait()
        except TimeoutError:
            return


class BellRinger:
    """Listens on `channels` of a database by a connection of its own."""

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self.bells = {channel: Bell() for channel in channels}
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("bells")

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._listen()
            except psycopg.Error as error:
                self._log.warning("not listening", problem=type(error).__name__)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            for channel in self.bells:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(channel)))
            for bell in self.bells.values():
                bell.ring()
            async for notification in connection.notifies():
                self.bells[notification.channel].ring()

"""Listens for PostgreSQL's notifications and wakes whoever waits for them, without losing one.

A waiter remembers the count it saw before it read the database. `wait` returns at once if a
notification has come since. When a lost connection is back, every channel counts one, because
nobody knows what was missed.
"""

import asyncio
from collections.abc import Sequence

import psycopg
import structlog
from psycopg import sql

RETRY_SECONDS = 1.0


class Channel:
    """Counts the notifications of one channel."""

    def __init__(self) -> None:
        self.count = 0
        self._event = asyncio.Event()

    def notify(self) -> None:
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


class Listener:
    """Listens on `channels` of a database, on a connection of its own."""

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self.channels = {channel: Channel() for channel in channels}
        self._url = url
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("listener")

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
            for name in self.channels:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(name)))
            for channel in self.channels.values():
                channel.notify()
            async for notification in connection.notifies():
                self.channels[notification.channel].notify()

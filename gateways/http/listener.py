"""Listens for PostgreSQL's notifications and wakes whoever waits for them, without losing one.

A waiter remembers the count it saw before it read the database. `wait` returns at once if a
notification has come since. When a lost connection is back, every channel counts one, because
nobody knows what was missed.
"""

import asyncio
from collections.abc import Callable, Sequence

import psycopg
from psycopg import sql

PAUSE_SECONDS = 1.0


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
    """Listens on `channels` of a database, on a connection of its own.

    `listen` runs in the background. `on_listening` is called once it listens.
    """

    def __init__(self, url: str, channels: Sequence[str]) -> None:
        self.channels = {name: Channel() for name in channels}
        self.on_listening: Callable[[], None] = lambda: None
        self._url = url

    async def listen(self) -> None:
        """Returns when the connection has ended. Raises psycopg.Error."""
        async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
            for name in self.channels:
                await connection.execute(sql.SQL("listen {}").format(sql.Identifier(name)))
            for channel in self.channels.values():
                channel.notify()
            self.on_listening()
            async for notification in connection.notifies():
                self.channels[notification.channel].notify()

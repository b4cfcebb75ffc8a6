"""Watches whether the views move on: the difference between alive and well.

A network without work closes a ledger at every heartbeat, so views that stand still for some of
them are a failure of something behind this gateway, whatever its own process thinks of itself.
"""

import asyncio
import time

from gateways.horizon.database import Database
from gateways.http.listener import Channel
from gateways.http.metrics import Metrics
from gateways.http.problems import Problem

STALL_HEARTBEATS = 3  # of the default heartbeat: 15 s
STALL_SECONDS_MIN = 5.0  # with a quick one: slow machines are not ill
LOOK_SECONDS = 1.0


class ProgressWatch:
    """`problem` says why the views cannot be read, None while they can. `heartbeat_seconds`: the
    network's; `stall_seconds`: how long nothing may come.
    """

    def __init__(
        self, database: Database, channel: Channel, metrics: Metrics, heartbeat_seconds: float
    ) -> None:
        self.stall_seconds = max(STALL_SECONDS_MIN, STALL_HEARTBEATS * heartbeat_seconds)
        self.sequence = 0
        self.close_time_ms = 0
        self.problem: str | None = "the views were not read yet"
        self._moved_at = time.monotonic()
        self._database = database
        self._channel = channel
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    @property
    def stalled_seconds(self) -> float:
        """Since the last ledger came into the views."""
        return time.monotonic() - self._moved_at

    @property
    def is_healthy(self) -> bool:
        return self.problem is None and self.stalled_seconds < self.stall_seconds

    async def _run(self) -> None:
        while True:
            seen = self._channel.count
            await self._look()
            await self._channel.wait(seen, LOOK_SECONDS)

    async def _look(self) -> None:
        try:
            snapshot = await self._database.get_points()
        except Problem as problem:
            self.problem = problem.detail
        else:
            self.problem = None
            if snapshot.sequence != self.sequence:
                self._moved_at = time.monotonic()
            self.sequence, self.close_time_ms = snapshot.sequence, snapshot.close_time_ms
        self._metrics.latest_ledger.set(self.sequence)
        self._metrics.stalled_seconds.set(self.stalled_seconds)

"""Watches whether the views move on: the difference between alive and well.

While a network closes ledgers at its heartbeat, views that stand still for STALL_SECONDS are a
failure of something behind this gateway, whatever its own process thinks of itself.
"""

import asyncio
import time

from gateways.http.bells import Bell
from gateways.http.database import Database
from gateways.http.metrics import Metrics
from gateways.http.problems import Problem

STALL_SECONDS = 15.0
LOOK_SECONDS = 1.0


class ProgressWatch:
    """`problem` says why the views cannot be read, None while they can."""

    def __init__(self, database: Database, bell: Bell, metrics: Metrics) -> None:
        self.sequence = 0
        self.close_time_ms = 0
        self.problem: str | None = "the views were not read yet"
        self._moved_at = time.monotonic()
        self._database = database
        self._bell = bell
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
        return self.problem is None and self.stalled_seconds < STALL_SECONDS

    async def _run(self) -> None:
        while True:
            seen = self._bell.count
            await self._look()
            await self._bell.wait(seen, LOOK_SECONDS)

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

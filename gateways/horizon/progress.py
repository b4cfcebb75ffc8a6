"""Watches whether the views move on.

A network without work closes a ledger at every heartbeat, so views that stand still for several of
them mean that something behind this gateway has failed, even if its own process is well.
"""

import time

from gateways.horizon.database import Database
from gateways.horizon.metrics import HorizonMetrics
from gateways.http.listener import Channel
from gateways.http.problems import Problem
from schemas.versions import HORIZON_VIEWS

# Views of another version, which the processor is about to rebuild, are as good as none.
PROGRESS = (
    "select sequence, close_time_ms, header_hash, network_id, genesis_hash"  # noqa: S608
    f" from horizon.progress, horizon.version where version = {HORIZON_VIEWS}"
)
STALL_HEARTBEATS = 3  # of the default heartbeat: 15 s
STALL_SECONDS_MIN = 5.0  # where heartbeats are short, so that a slow machine is not called ill
LOOK_SECONDS = 1.0
PAUSE_SECONDS = 0.0  # looking waits for itself


class ProgressWatch:
    """`problem` says why the views cannot be read, None while they can. `heartbeat_seconds`: the
    network's. `stall_seconds`: how long the views may stand still. `look` runs in the background.
    """

    def __init__(
        self,
        database: Database,
        channel: Channel,
        metrics: HorizonMetrics,
        heartbeat_seconds: float,
    ) -> None:
        self.stall_seconds = max(STALL_SECONDS_MIN, STALL_HEARTBEATS * heartbeat_seconds)
        self.sequence = 0
        self.close_time_ms = 0
        self.problem: str | None = "the views were not read yet"
        self._moved_at = time.monotonic()
        self._database = database
        self._channel = channel
        self._metrics = metrics

    @property
    def stalled_seconds(self) -> float:
        """Since the last ledger came into the views."""
        return time.monotonic() - self._moved_at

    @property
    def is_healthy(self) -> bool:
        return self.problem is None and self.stalled_seconds < self.stall_seconds

    async def look(self) -> None:
        """Reads the progress once, then waits for a ledger, but not long. Raises Problem."""
        seen = self._channel.count
        try:
            snapshot = await self._database.get_points()
        except Exception as error:
            self.problem = error.detail if isinstance(error, Problem) else type(error).__name__
            raise
        finally:
            self._metrics.stalled_seconds.set(self.stalled_seconds)
        self.problem = None
        if snapshot.sequence != self.sequence:
            self._moved_at = time.monotonic()
        self.sequence, self.close_time_ms = snapshot.sequence, snapshot.close_time_ms
        self._metrics.latest_ledger.set(self.sequence)
        self._metrics.stalled_seconds.set(self.stalled_seconds)
        await self._channel.wait(seen, LOOK_SECONDS)

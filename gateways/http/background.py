"""Background work of a gateway, supervised: logged, retried with back-off, shown in /health.

A task is a step that is repeated with a pause. A step that fails is tried again, for as long as the
gateway runs; whatever it raises ends nothing else.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable

import structlog

from gateways.http.metrics import Metrics
from gateways.http.problems import Problem

RETRY_SECONDS_MAX = 5.0
RED_SECONDS = 15.0  # a shorter failure does not make the gateway unhealthy

_jitter = random.Random()  # noqa: S311 - keeps no secret; the global one belongs to the program

Step = Callable[[], Awaitable[None]]


class BackgroundTask:
    """One step and how it fares. `failure`: why the last try failed, None if it did not."""

    def __init__(self, name: str, step: Step, pause_seconds: float, metrics: Metrics) -> None:
        self.name = name
        self.failure: str | None = None
        self.failing_since = 0.0
        self._step = step
        self._pause_seconds = pause_seconds
        self._failures = 0
        self._metrics = metrics
        self._log = structlog.get_logger("background")
        metrics.background_failing.labels(name).set(0)

    def succeed(self) -> None:
        """Called after every step; a step that does not return calls it once it works."""
        if self.failure is not None:
            self._log.info("background task works again", task=self.name)
        self.failure, self._failures = None, 0
        self._metrics.background_failing.labels(self.name).set(0)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._step()
            except Exception as error:
                self._fail(error)
                await asyncio.sleep(self._get_retry_seconds())
            else:
                self.succeed()
                await asyncio.sleep(self._pause_seconds)

    def _fail(self, error: Exception) -> None:
        if self.failure is None:
            self.failing_since = time.monotonic()
        self._failures += 1
        self._metrics.background_failing.labels(self.name).set(1)
        self._metrics.background_failures.labels(self.name).inc()
        if isinstance(error, Problem):
            self.failure = error.detail
            self._log.warning("background task failed", task=self.name, problem=error.detail)
        else:
            self.failure = type(error).__name__
            self._log.error("background task failed", task=self.name, exc_info=error)

    def _get_retry_seconds(self) -> float:
        longest: float = min(RETRY_SECONDS_MAX, 0.25 * 2 ** min(self._failures, 10))
        return longest * _jitter.uniform(0.5, 1.0)


class BackgroundTasks:
    """All background tasks of a gateway, by name."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tasks: dict[str, BackgroundTask] = {}
        self._running: list[asyncio.Task[None]] = []

    def add(self, name: str, step: Step, pause_seconds: float) -> BackgroundTask:
        """`step` is repeated from `start` on, `pause_seconds` after it has returned."""
        task = BackgroundTask(name, step, pause_seconds, self._metrics)
        self._tasks[name] = task
        return task

    def start(self) -> None:
        self._running = [
            asyncio.create_task(task.run(), name=name) for name, task in self._tasks.items()
        ]

    async def stop(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def get_failures(self) -> dict[str, str]:
        """Why tasks fail now, by their names."""
        return {n: task.failure for n, task in self._tasks.items() if task.failure is not None}

    def get_problem(self) -> str | None:
        """The task that has failed for too long, in one line."""
        now = time.monotonic()
        for name, task in self._tasks.items():
            if task.failure is not None and now - task.failing_since >= RED_SECONDS:
                return f"background task {name} fails: {task.failure}"
        return None

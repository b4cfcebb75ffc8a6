"""Verification in worker processes: batches of opaque jobs out, outcomes back, in order.

Verifying a signature takes 30 us and holds the interpreter's lock, so it must not run in the node's
own process. What the jobs mean is the work function's matter; it is given by import name, takes the
list of one batch and returns as many outcomes. A worker that dies is started again and its batches
are run again: the work must be a pure function. (`ProcessPoolExecutor` loses every batch when one
worker dies, and can hang on it in the Python releases we support.)
"""

import asyncio
import pickle
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from streams.node.verification_worker import LENGTH, encode_frame, load_work

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

# In a worker's pipe, so that it goes on while the node is busy with other things.
IN_FLIGHT_MAX = 4
DEATHS_MAX = 3
RESPAWN_DELAY_S = 0.05
RESPAWN_DELAY_MAX_S = 5.0


class VerificationError(Exception):
    """A batch has no outcomes."""


class WorkError(VerificationError):
    """The work function raised, or returned the wrong number of outcomes: an error of ours."""


class WorkerLostError(VerificationError):
    """The batch killed its worker several times: look for what in it does so."""


class PoolClosedError(VerificationError):
    """The pool was closed before the batch was done."""


class _Batch:
    __slots__ = ("deaths", "frame", "future", "size")

    def __init__(self, jobs: list[Any], future: asyncio.Future[list[Any]]) -> None:
        self.frame = encode_frame(jobs)
        self.size = len(jobs)
        self.future = future
        self.deaths = 0

    def fail(self, error: VerificationError) -> None:
        if not self.future.done():
            self.future.set_exception(error)


class _Worker:
    """One worker's place in the pool, kept through its processes' deaths."""

    __slots__ = ("in_flight", "process", "task")

    def __init__(self) -> None:
        self.in_flight: deque[_Batch] = deque()
        self.process: asyncio.subprocess.Process | None = None
        self.task: asyncio.Task[None] | None = None

    def send(self, batch: _Batch) -> None:
        """Writes the batch to the process; if that has just died, the next one is given it."""
        stdin = self.process.stdin if self.process else None
        if stdin is not None and not stdin.is_closing():
            stdin.write(batch.frame)

    async def receive(self) -> tuple[list[Any] | None, str | None] | None:
        """The oldest batch's answer; None once the process is gone."""
        stdout = self.process.stdout if self.process else None
        if stdout is None:
            return None
        try:
            (length,) = LENGTH.unpack(await stdout.readexactly(LENGTH.size))
            body = await stdout.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        answer: tuple[list[Any] | None, str | None] = pickle.loads(body)  # noqa: S301 - our worker
        return answer

    async def end(self) -> None:
        """Ends the process and reaps it. It keeps nothing that is worth waiting for."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.stdout is not None and not process.stdout.at_eof():
            with suppress(ProcessLookupError):
                process.kill()
        await process.communicate()


class VerificationPool(Generic[Job, Outcome]):
    """A few worker processes for one work function. Belongs to the event loop that started it."""

    def __init__(self, work: str, workers: int = 1, waiting_max: int = 32) -> None:
        """`work` is "package.module:function"; at most `waiting_max` batches are held at once."""
        self._work = work
        self._workers = [_Worker() for _ in range(workers)]
        self._room = asyncio.Semaphore(waiting_max)
        self._waiting: deque[_Batch] = deque()
        self._is_open = False
        self.respawn_count = 0

    async def start(self) -> None:
        """Starts the workers. Raises what importing the work function raises."""
        load_work(self._work)
        self._is_open = True
        for worker in self._workers:
            worker.task = asyncio.create_task(self._keep(worker))
            worker.task.add_done_callback(self._on_keeper_ended)

    async def run(self, jobs: Sequence[Job]) -> list[Outcome]:
        """The outcomes of `jobs`, in their order; waits while the pool is full.

        One call is one batch for one worker: 50 to 200 signatures keep both the pickling and the
        waiting small. Raises WorkError, WorkerLostError or PoolClosedError.
        """
        async with self._room:
            if not self._is_open:
                raise PoolClosedError("the verification pool is not open: start it first")
            batch = _Batch(list(jobs), asyncio.get_running_loop().create_future())
            self._waiting.append(batch)
            self._dispatch()
            return await batch.future

    async def close(self) -> None:
        """Ends the workers and fails what is not done. Leaves no process."""
        self._is_open = False
        tasks = [worker.task for worker in self._workers if worker.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._fail_unfinished(PoolClosedError("the verification pool was closed"))

    @property
    def process_ids(self) -> list[int]:
        """Of the workers that run now."""
        return [worker.process.pid for worker in self._workers if worker.process is not None]

    def _fail_unfinished(self, error: VerificationError) -> None:
        for batch in (*self._waiting, *(b for worker in self._workers for b in worker.in_flight)):
            batch.fail(error)

    def _on_keeper_ended(self, task: asyncio.Task[None]) -> None:
        """A keeper ends by being cancelled; if it broke, callers must not wait for ever."""
        if not task.cancelled():
            self._is_open = False
            self._fail_unfinished(VerificationError(f"the pool broke: {task.exception()!r}"))

    def _dispatch(self) -> None:
        """Hands waiting batches to the workers that have the least to do."""
        while self._waiting:
            alive = [worker for worker in self._workers if worker.process is not None]
            worker = min(alive, key=lambda w: len(w.in_flight), default=None)
            if worker is None or len(worker.in_flight) >= IN_FLIGHT_MAX:
                return
            batch = self._waiting.popleft()
            if batch.future.done():  # its caller gave up
                continue
            worker.in_flight.append(batch)
            worker.send(batch)

    async def _keep(self, worker: _Worker) -> None:
        """Runs one worker process after another, until cancelled."""
        delay = RESPAWN_DELAY_S
        while True:
            try:
                worker.process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-P", "-m", "streams.node.verification_worker", self._work),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    start_new_session=True,  # Ctrl-C in a terminal is for the node
                )
                for batch in worker.in_flight:
                    worker.send(batch)
                self._dispatch()
                if await self._collect(worker):
                    delay = RESPAWN_DELAY_S
            finally:
                await worker.end()
            self.respawn_count += 1
            self._blame(worker)
            await asyncio.sleep(delay)
            delay = min(2 * delay, RESPAWN_DELAY_MAX_S)

    async def _collect(self, worker: _Worker) -> int:
        """Takes answers until the process is gone; returns how many there were."""
        answers = 0
        while (answer := await worker.receive()) is not None:
            answers += 1
            batch = worker.in_flight.popleft()
            self._dispatch()
            outcomes, problem = answer
            if outcomes is None:
                batch.fail(WorkError(f"{self._work} raised:\n{problem}"))
            elif len(outcomes) != batch.size:
                count = f"{len(outcomes)} outcomes for {batch.size} jobs"
                batch.fail(WorkError(f"{self._work} returned {count}"))
            elif not batch.future.done():
                batch.future.set_result(outcomes)
        return answers

    def _blame(self, worker: _Worker) -> None:
        """Counts a death against the batch that was being worked on; drops it when it goes on."""
        if not worker.in_flight:
            return
        suspect = worker.in_flight[0]
        suspect.deaths += 1
        if suspect.deaths >= DEATHS_MAX:
            worker.in_flight.popleft()
            suspect.fail(
                WorkerLostError(f"a batch of {self._work} killed its worker {DEATHS_MAX} times")
            )

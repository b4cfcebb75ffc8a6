"""The verification pool with real worker processes, which are killed, stopped and orphaned."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from streams.node.verification import (
    PoolClosedError,
    VerificationPool,
    WorkerLostError,
    WorkError,
)

ROOT = Path(__file__).parents[3]
WORK = "tests.streams.node.verification_work"
Pool = VerificationPool[Any, Any]
Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(autouse=True)
def _workers_import_the_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a test's coroutine on either event loop, at most for a minute."""

    def run_on_loop(test: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if request.param == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(asyncio.wait_for(test, 20))

    return run_on_loop


@asynccontextmanager
async def open_pool(function: str, **settings: int) -> AsyncIterator[Pool]:
    pool: Pool = VerificationPool(f"{WORK}:{function}", **settings)
    await pool.start()
    try:
        yield pool
    finally:
        await pool.close()


async def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


def is_running(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    # One that has ended but was not reaped by its parent counts as ended.
    return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


@pytest.mark.parametrize("workers", [1, 2])
def test_outcomes_come_back_in_order(run: Run, workers: int) -> None:
    async def test() -> None:
        async with open_pool("double", workers=workers) as pool:
            batches = [list(range(start, start + start % 7)) for start in range(150)]
            outcomes = await asyncio.gather(*(pool.run(batch) for batch in batches))
            assert outcomes == [[2 * job for job in batch] for batch in batches]
            assert len(pool.process_ids) == workers
            assert pool.respawn_count == 0

    run(test())


def test_a_large_batch_passes_the_pipes(run: Run) -> None:
    async def test() -> None:
        async with open_pool("chatter") as pool:
            jobs = [os.urandom(1000) for _ in range(5000)]
            assert await asyncio.gather(*(pool.run(jobs) for _ in range(4))) == [jobs] * 4

    run(test())


def test_what_the_work_raises_is_told_and_the_worker_goes_on(run: Run) -> None:
    async def test() -> None:
        async with open_pool("raise_on_zero") as pool:
            assert await pool.run([2]) == [0.5]
            with pytest.raises(WorkError, match="ZeroDivisionError"):
                await pool.run([1, 0])
            assert await pool.run([4]) == [0.25]
            assert pool.respawn_count == 0
        async with open_pool("lose_one") as pool:
            with pytest.raises(WorkError, match="returned 2 outcomes for 3 jobs"):
                await pool.run([1, 2, 3])

    run(test())


def test_a_killed_worker_is_replaced_and_its_batches_run_again(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        jobs = [str(tmp_path / name) for name in "abc"]
        async with open_pool("sleep_until_told") as pool:
            running = [asyncio.create_task(pool.run([job])) for job in jobs]
            started = Path(f"{jobs[0]}.started")
            await wait_until(started.exists)
            (killed,) = pool.process_ids
            os.kill(killed, signal.SIGKILL)
            await wait_until(lambda: pool.process_ids not in ([], [killed]))
            for job in jobs:
                Path(job).touch()
            outcomes = await asyncio.gather(*running)
            assert outcomes == [pool.process_ids] * 3
            assert pool.respawn_count == 1

    run(test())


def test_an_idle_worker_is_replaced_too(run: Run) -> None:
    async def test() -> None:
        async with open_pool("double", workers=2) as pool:
            await pool.run([1])
            await wait_until(lambda: len(pool.process_ids) == 2)
            before = pool.process_ids
            for process_id in before:
                os.kill(process_id, signal.SIGKILL)
            assert await asyncio.gather(*(pool.run([job]) for job in range(20))) == [
                [2 * job] for job in range(20)
            ]
            await wait_until(lambda: len(pool.process_ids) == 2)
            assert not set(before) & set(pool.process_ids)

    run(test())


def test_a_batch_that_kills_its_worker_is_given_up(run: Run) -> None:
    async def test() -> None:
        async with open_pool("die_on_zero") as pool:
            batches = [pool.run([1]), pool.run([2, 0]), pool.run([3]), pool.run([4])]
            first, fatal, *others = await asyncio.gather(*batches, return_exceptions=True)
            assert first == [1]
            assert isinstance(fatal, WorkerLostError)
            assert others == [[3], [4]]
            assert pool.respawn_count == 3

    run(test())


def test_callers_wait_while_the_pool_is_full(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        jobs = [str(tmp_path / str(number)) for number in range(10)]
        async with open_pool("sleep_until_told", waiting_max=4) as pool:
            running = [asyncio.create_task(pool.run([job])) for job in jobs]
            await wait_until(Path(f"{jobs[0]}.started").exists)
            assert len(pool._waiting) + sum(len(w.in_flight) for w in pool._workers) == 4
            running[1].cancel()
            running[9].cancel()
            for job in jobs:
                Path(job).touch()
            outcomes = await asyncio.gather(*running, return_exceptions=True)
            cancelled = [isinstance(o, asyncio.CancelledError) for o in outcomes]
            assert [i for i, is_cancelled in enumerate(cancelled) if is_cancelled] == [1, 9]

    run(test())


def test_closing_leaves_no_process_and_fails_the_rest(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        job = str(tmp_path / "never")
        async with open_pool("sleep_until_told", workers=2) as pool:
            running = [asyncio.create_task(pool.run([job])) for _ in range(6)]
            await wait_until(Path(f"{job}.started").exists)
            process_ids = pool.process_ids
            assert process_ids
            await pool.close()
            assert not any(is_running(process_id) for process_id in process_ids)
            for task in running:
                with pytest.raises(PoolClosedError):
                    await task
            with pytest.raises(PoolClosedError):
                await pool.run([job])

    run(test())


def test_closing_at_once(run: Run) -> None:
    async def test() -> None:
        async with open_pool("double", workers=2):
            pass
        unopened: Pool = VerificationPool(f"{WORK}:double")
        await unopened.close()

    run(test())


def test_an_interrupt_does_not_stop_a_worker(run: Run, tmp_path: Path) -> None:
    async def test() -> None:
        job = str(tmp_path / "job")
        async with open_pool("sleep_until_told") as pool:
            running = asyncio.create_task(pool.run([job]))
            await wait_until(Path(f"{job}.started").exists)
            (process_id,) = pool.process_ids
            os.kill(process_id, signal.SIGINT)
            await asyncio.sleep(0.05)
            Path(job).touch()
            assert await running == [process_id]

    run(test())


def test_an_unknown_work_function_is_refused_at_start(run: Run) -> None:
    async def test() -> None:
        for name in (f"{WORK}:unknown", "no_such_module:work", WORK):
            with pytest.raises((ImportError, AttributeError)):
                await VerificationPool(name).start()

    run(test())


NODE = f"""
import asyncio, sys
from streams.node.verification import VerificationPool

async def main():
    pool = VerificationPool("{WORK}:sleep_until_told", workers=2)
    await pool.start()
    while len(pool.process_ids) < 2:
        await asyncio.sleep(0.01)
    print(*pool.process_ids, flush=True)
    await pool.run([sys.argv[1]])

asyncio.run(main())
"""


def test_workers_end_when_the_node_is_killed(tmp_path: Path) -> None:
    job = tmp_path / "job"
    command = [sys.executable, "-c", NODE, str(job)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as node:
        assert node.stdout is not None
        process_ids = {int(word) for word in node.stdout.readline().split()}

        async def wait_for_end() -> None:
            started = Path(f"{job}.started")
            await wait_until(lambda: started.exists() and started.read_text() != "")
            working = int(started.read_text())
            assert working in process_ids
            assert all(is_running(process_id) for process_id in process_ids)
            node.kill()
            (idle,) = process_ids - {working}
            await wait_until(lambda: not is_running(idle))
            assert is_running(working)
            job.touch()
            await wait_until(lambda: not is_running(working))

        asyncio.run(asyncio.wait_for(wait_for_end(), 30))

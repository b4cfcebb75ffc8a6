"""Background tasks: whatever they raise, they are tried again, and health and metrics say so."""

import asyncio

import pytest

from gateways.http import background
from gateways.http.background import BackgroundTasks
from gateways.http.metrics import Metrics
from gateways.http.problems import STORE_UNAVAILABLE, Problem


def get_metric(metrics: Metrics, name: str) -> float | None:
    return metrics.registry.get_sample_value(f"tokend_gateway_background_{name}", {"task": "work"})


@pytest.mark.parametrize("error", [ValueError("x"), Problem(STORE_UNAVAILABLE, "away"), KeyError()])
def test_a_task_that_fails_is_tried_again(error: Exception) -> None:
    metrics = Metrics()
    tasks = BackgroundTasks(metrics)
    tries, failures = 0, list[dict[str, str]]()

    async def work() -> None:
        nonlocal tries
        tries += 1
        failures.append(tasks.get_failures())
        if tries < 4:
            raise error

    async def run() -> None:
        tasks.add("work", work, 0.01)
        tasks.start()
        async with asyncio.timeout(20):
            while tries < 6:
                await asyncio.sleep(0.01)
        await tasks.stop()

    asyncio.run(run())
    assert [len(each) for each in failures[:6]] == [0, 1, 1, 1, 0, 0]
    assert set(failures[1]) == {"work"}
    assert get_metric(metrics, "failing") == 0
    assert get_metric(metrics, "failures_total") == 3


def test_a_task_that_fails_for_long_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "RED_SECONDS", 0.3)
    metrics = Metrics()
    tasks = BackgroundTasks(metrics)

    async def work() -> None:
        raise Problem(STORE_UNAVAILABLE, "away")

    async def run() -> None:
        tasks.add("work", work, 0.01)
        assert tasks.get_problem() is None
        tasks.start()
        async with asyncio.timeout(20):
            while not tasks.get_failures():
                await asyncio.sleep(0.01)
            assert tasks.get_problem() is None
            while tasks.get_problem() is None:
                await asyncio.sleep(0.01)
        await tasks.stop()

    asyncio.run(run())
    problem = tasks.get_problem()
    assert problem is not None
    assert "work" in problem
    assert get_metric(metrics, "failing") == 1

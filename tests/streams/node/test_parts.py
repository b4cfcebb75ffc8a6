"""A part that ends fails the node and is named in the log; being asked to stop ends them all."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from structlog.testing import capture_logs

from streams.node.parts import PartEnded, Parts


async def live() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise OSError("a disk is full")


async def end() -> None:
    """Returns at once."""


async def run(part: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    async def first() -> None:
        await part()

    parts = Parts(first=first(), second=live())
    try:
        await parts.wait(stop)
    finally:
        await parts.stop(but="none")


@pytest.mark.parametrize(("part", "error"), [(fail, OSError), (end, PartEnded)])
def test_a_part_that_ends_fails_the_node(
    part: Callable[[], Awaitable[None]], error: type[Exception]
) -> None:
    with capture_logs() as told, pytest.raises(error):
        asyncio.run(run(part, asyncio.Event()))
    assert [(line["log_level"], line["part"]) for line in told] == [("critical", "first")]


def test_a_node_that_is_asked_to_stop_ends_its_parts() -> None:
    async def run_and_stop() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(0.05, stop.set)
        await run(live, stop)
        assert {task.get_name() for task in asyncio.all_tasks()} & {"first", "second"} == set()

    with capture_logs() as told:
        asyncio.run(run_and_stop())
    assert told == []

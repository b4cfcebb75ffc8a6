"""Coalesced reads: every reader gets its own rows, and none is left waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from gateways.horizon.database import Database, PointQuery, Snapshot
from gateways.http.keyset import PageQuery
from gateways.http.problems import Problem
from tests.support.servers import Servers

PROGRESS = "select 7 as sequence, 9 as close_time_ms"
DOUBLED = PointQuery("select k as key, 2 * k as doubled from unnest(%s::int[]) k")


async def read_own(database: Database, reads: int, readers: int) -> None:
    async def read(number: int) -> None:
        for turn in range(reads):
            key = number * reads + turn
            snapshot = await database.get_points((DOUBLED, key))
            assert snapshot.sequence == 7
            ((row,),) = snapshot.rows
            assert row.doubled == 2 * key

    await asyncio.gather(*(read(number) for number in range(readers)))


class Held(Database):
    """Its answers come at once, when the test releases them."""

    def __init__(self) -> None:
        super().__init__("", PROGRESS)
        self.answering = asyncio.Event()

    async def _read(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> Snapshot:
        await self.answering.wait()
        return Snapshot(7, 9, [[] for _ in statements])


def run_with(servers: Servers, use: Callable[[Database], Awaitable[None]]) -> None:
    database = Database(servers.create_database("reads"), PROGRESS)

    async def run() -> None:
        await database.start()
        try:
            await read_own(database, 2, 4)
            async with asyncio.timeout(60):
                await use(database)
        finally:
            await database.stop()

    asyncio.run(run())


def test_every_reader_gets_its_own_rows(servers: Servers) -> None:
    run_with(servers, lambda database: read_own(database, reads=50, readers=24))


def test_no_read_is_left_waiting() -> None:
    """A read that comes when the last batches have just ended starts one of its own."""

    async def run() -> None:
        database = Held()

        async def read(number: int, times: int) -> None:
            for _ in range(times):
                await database.get_points((DOUBLED, number))

        readers = []
        for number, times in ((0, 2), (1, 1)):  # each is read in a batch of its own
            readers.append(asyncio.create_task(read(number, times)))
            for _ in range(5):
                await asyncio.sleep(0)
        database.answering.set()
        async with asyncio.timeout(20):
            await asyncio.gather(*readers)

    asyncio.run(run())


def test_an_error_reaches_all_who_wait(servers: Servers) -> None:
    database = Database(servers.create_database("reads"), PROGRESS)

    async def read() -> list[object]:
        await database.start()
        try:
            wrong = PointQuery("select key from nothing where key = any(%s)")
            asked = [database.get_points((wrong, number)) for number in range(5)]
            asked += [database.get_pages(PageQuery(wrong.sql, ((1, 2),)))]
            return list(await asyncio.gather(*asked, return_exceptions=True))
        finally:
            await database.stop()

    found = asyncio.run(read())
    assert len(found) == 6
    for each in found:
        assert isinstance(each, Problem)
        assert each.kind.slug == "view-unavailable"


def test_without_a_server_it_is_told() -> None:
    async def read() -> None:
        database = Database("postgresql://nobody@127.0.0.1:1/nothing", PROGRESS)
        await database.start()
        try:
            await database.get_points((DOUBLED, 1))
        finally:
            await database.stop()

    with pytest.raises(Problem):
        asyncio.run(read())

"""Reads Horizon's views in PostgreSQL: each read is consistent with one ledger, and coalesced.

A read is a snapshot: one repeatable-read transaction, sent as one pipeline, whose first statement
asks how far the views are. Point reads of concurrent requests share one transaction and one
`key = any(...)` statement per query, because a pool's overhead costs more than the query itself.
Resources bring the statements.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool

from gateways.horizon.problems import VIEW_UNAVAILABLE
from gateways.http.keyset import PageQuery
from gateways.http.postgres import is_stale_plan, report_unavailable
from gateways.http.problems import Problem

CONNECTIONS_MAX = 8
BATCHES_MAX = 2
POOL_SECONDS = 2.0
STALE_PLANS_MAX = 3  # tries, where columns are added to the views meanwhile
STATEMENT_TIMEOUT = "-c statement_timeout=5000 -c default_transaction_read_only=on"
BEGIN = "begin isolation level repeatable read read only"


@dataclass(frozen=True, slots=True)
class PointQuery:
    """`sql` takes one array of keys. Every row has its key in the column `key`."""

    sql: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of each query, in the order of the queries, and the ledger they are all of."""

    sequence: int
    close_time_ms: int
    rows: list[list[Any]]


@dataclass(slots=True)
class _Waiting:
    wanted: list[tuple[PointQuery, Any]]
    future: asyncio.Future[Snapshot] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class Database:
    """`progress_sql` gives one row (sequence, close_time_ms, ...), none without views."""

    def __init__(self, url: str, progress_sql: str) -> None:
        self.url = url
        self.progress_sql = progress_sql
        self._pool = AsyncConnectionPool(
            url,
            open=False,
            min_size=2,
            max_size=CONNECTIONS_MAX,
            timeout=POOL_SECONDS,
            kwargs={
                "autocommit": True,
                "row_factory": namedtuple_row,
                "options": STATEMENT_TIMEOUT,
            },
        )
        self._waiting: list[_Waiting] = []
        self._batches: set[asyncio.Task[None]] = set()  # held, or they could be collected
        self._running = 0
        self._pages: dict[tuple[PageQuery, ...], asyncio.Task[Snapshot]] = {}

    async def start(self) -> None:
        """Returns at once: the gateway answers 503 until the database is available."""
        await self._pool.open(wait=False)

    async def stop(self) -> None:
        await self._pool.close()

    async def get_points(self, *wanted: tuple[PointQuery, Any]) -> Snapshot:
        """Rows by key. Raises Problem when the view cannot be read."""
        waiting = _Waiting(list(wanted))
        self._waiting.append(waiting)
        if self._running < BATCHES_MAX:
            self._running += 1
            task = asyncio.create_task(self._run_batches())
            self._batches.add(task)
            task.add_done_callback(self._batches.discard)
        return await waiting.future

    async def get_pages(self, *queries: PageQuery) -> Snapshot:
        """Rows of any statements. Equal reads at one time are shared: streams read the same."""
        task = self._pages.get(queries)
        if task is None:
            task = asyncio.create_task(self._read([(q.sql, q.get_values()) for q in queries]))
            self._pages[queries] = task
            task.add_done_callback(lambda _: self._pages.pop(queries, None))
        return await asyncio.shield(task)

    async def _run_batches(self) -> None:
        """The first turn lets all requests of this tick join; later ones join the next batch.

        There must be no await between the last look at `_waiting` and the count, or a read that
        came in between would wait for the next one to start a batch.
        """
        await asyncio.sleep(0)
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            try:
                await self._read_batch(waiting)
            except Exception as error:
                for each in waiting:
                    if not each.future.done():
                        each.future.set_exception(error)
        self._running -= 1

    async def _read_batch(self, waiting: list[_Waiting]) -> None:
        keys: dict[PointQuery, set[Any]] = {}
        for each in waiting:
            for query, key in each.wanted:
                keys.setdefault(query, set()).add(key)
        snapshot = await self._read([(q.sql, (list(found),)) for q, found in keys.items()])
        by_key: dict[tuple[PointQuery, Any], list[Any]] = {}
        for query, rows in zip(keys, snapshot.rows, strict=True):
            for row in rows:
                by_key.setdefault((query, row.key), []).append(row)
        for each in waiting:
            answer = [by_key.get(wanted, []) for wanted in each.wanted]
            if not each.future.done():
                each.future.set_result(Snapshot(snapshot.sequence, snapshot.close_time_ms, answer))

    async def _read(self, statements: Sequence[tuple[str, Sequence[Any]]]) -> Snapshot:
        with report_unavailable(VIEW_UNAVAILABLE):
            async with self._pool.connection() as connection:
                for _ in range(STALE_PLANS_MAX):
                    try:
                        return await self._read_snapshot(connection, statements)
                    except psycopg.Error as error:
                        if not is_stale_plan(error):
                            raise
                    await connection.rollback()
                    await connection.execute("deallocate all")
        raise Problem(VIEW_UNAVAILABLE, "the views are changing")

    async def _read_snapshot(
        self,
        connection: psycopg.AsyncConnection[Any],
        statements: Sequence[tuple[str, Sequence[Any]]],
    ) -> Snapshot:
        while True:
            snapshot = await self._read_once(connection, statements)
            if snapshot is not None:
                return snapshot

    async def _read_once(
        self,
        connection: psycopg.AsyncConnection[Any],
        statements: Sequence[tuple[str, Sequence[Any]]],
    ) -> Snapshot | None:
        """None if a replay's views replaced the live ones meanwhile: a snapshot fixes rows but not
        names, and the new rows may be older in it than the old ones.
        """
        async with connection.pipeline():
            await connection.execute(BEGIN)
            progress = await connection.execute(self.progress_sql)
            cursors = [await connection.execute(sql, values) for sql, values in statements]
            progress_after = await connection.execute(self.progress_sql)
            await connection.execute("commit")
        row, row_after = await progress.fetchone(), await progress_after.fetchone()
        if row is None:
            raise Problem(VIEW_UNAVAILABLE, "the views hold no ledger yet")
        if row_after is None or row_after.sequence != row.sequence:
            return None
        rows = [await cursor.fetchall() for cursor in cursors]
        return Snapshot(row.sequence, row.close_time_ms, rows)

"""A gateway's own PostgreSQL database, shared by its processes.

Views are disposable and are replaced by replays; what a gateway must remember is not, so it has a
database of its own (gateways/http/migrations). This module does not know what is remembered.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool

from gateways.http.postgres import is_stale_plan, report_unavailable
from gateways.http.problems import STORE_UNAVAILABLE, ProblemType

CONNECTIONS_MAX = 3
POOL_SECONDS = 2.0
Values = Sequence[Any] | Mapping[str, Any]
STATEMENT_TIMEOUT = "-c statement_timeout=5000"


class Store:
    """`url` is that of the database. Nothing is contacted before `start`. `unavailable`: what
    senders hear while it does not answer, or lacks its tables."""

    def __init__(
        self,
        url: str,
        connections: int = CONNECTIONS_MAX,
        unavailable: ProblemType = STORE_UNAVAILABLE,
    ) -> None:
        self._unavailable = unavailable
        self._pool = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=connections,
            timeout=POOL_SECONDS,
            kwargs={"autocommit": True, "options": STATEMENT_TIMEOUT},
        )

    async def start(self) -> None:
        """Returns at once. While the database is unavailable, what needs it is refused."""
        await self._pool.open(wait=False)

    async def stop(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transact(self) -> AsyncIterator["Transaction"]:
        """Several statements in one commit; an exception takes all of them back. Raises Problem."""
        with report_unavailable(self._unavailable):
            async with self._pool.connection() as connection, connection.transaction():
                yield Transaction(connection)

    async def execute(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """Commits one statement and returns its rows, if it has any. Raises Problem."""
        with report_unavailable(self._unavailable):
            async with self._pool.connection() as connection:
                try:
                    return await _execute(connection, sql, values)
                except psycopg.Error as error:
                    if not is_stale_plan(error):
                        raise
                await connection.execute("deallocate all")
                return await _execute(connection, sql, values)


class Transaction:
    """Statements of one commit."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def execute(self, sql: str, values: Values = ()) -> list[tuple[Any, ...]]:
        """The statement's rows, if it has any."""
        return await _execute(self._connection, sql, values)


async def _execute(
    connection: psycopg.AsyncConnection[Any], sql: str, values: Values
) -> list[tuple[Any, ...]]:
    cursor = await connection.execute(sql, values)
    return await cursor.fetchall() if cursor.description else []

"""What a gateway remembers itself, in a PostgreSQL database that its processes share.

Views are disposable and are swapped by replays; this is not, so it stands in a database of its own
(gateways/http/migrations). Knows nothing of what is remembered.
"""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from gateways.http.problems import STORE_UNAVAILABLE, Problem

CONNECTIONS_MAX = 3
POOL_SECONDS = 2.0
STATEMENT_TIMEOUT = "-c statement_timeout=5000"


class Store:
    """`url` is that of the database. Nothing is contacted before `start`."""

    def __init__(self, url: str) -> None:
        self._pool = AsyncConnectionPool(
            url,
            open=False,
            min_size=1,
            max_size=CONNECTIONS_MAX,
            timeout=POOL_SECONDS,
            kwargs={"autocommit": True, "options": STATEMENT_TIMEOUT},
        )

    async def start(self) -> None:
        """Returns at once: what needs the store is refused until it is there."""
        await self._pool.open(wait=False)

    async def stop(self) -> None:
        await self._pool.close()

    async def execute(self, sql: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """One statement, committed; its rows, none where it has none. Raises Problem."""
        try:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(sql, values)
                return await cursor.fetchall() if cursor.description else []
        except PoolTimeout:
            raise Problem(STORE_UNAVAILABLE, "no connection to its database is free") from None
        except (psycopg.OperationalError, psycopg.errors.UndefinedTable) as error:
            detail = f"its database does not answer: {type(error).__name__}"
            raise Problem(STORE_UNAVAILABLE, detail) from error

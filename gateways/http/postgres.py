"""Which errors of PostgreSQL mean that a database is unavailable now: the only place that says so.

Everything else is a defect of ours and becomes an internal error.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout

from gateways.http.problems import Problem, ProblemType

UNAVAILABLE: tuple[type[Exception], ...] = (
    psycopg.OperationalError,  # no connection, shutting down, starting, cancelled, out of space
    psycopg.InterfaceError,  # the connection was closed meanwhile
    errors.ReadOnlySqlTransaction,  # a standby, during a failover
    errors.UndefinedTable,  # not migrated yet, or being swapped
    errors.UndefinedColumn,
    errors.UndefinedFunction,
    errors.InvalidSchemaName,
    errors.InsufficientPrivilege,  # grants come after tables
    PoolTimeout,
    PoolClosed,
)


@contextmanager
def report_unavailable(problem: ProblemType) -> Iterator[None]:
    """Raises `problem` in place of an error that means the database is unavailable."""
    try:
        yield
    except PoolTimeout:
        raise Problem(problem, "no connection to the database is free") from None
    except UNAVAILABLE as error:
        detail = f"the database does not answer: {type(error).__name__}"
        raise Problem(problem, detail) from error


def is_stale_plan(error: Exception) -> bool:
    """A prepared statement's columns have changed under it: forget it, and try again."""
    return isinstance(error, errors.FeatureNotSupported) and "cached plan" in str(error)

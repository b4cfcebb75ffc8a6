"""A replay's own schema: made, found again, looked at, compared with the live one, swapped in.

Its row `replay` says how far the replay is, for whoever asks the database. SQL only; what goes
into the views is writer.py's.
"""

import re
from typing import Any, NamedTuple

from psycopg import sql

from processors.horizon.indexes import defer_indexes
from processors.horizon.rejections import copy_rejections
from processors.horizon.reserves import copy_reserves
from processors.horizon.schema import (
    LEDGER_SHIFT,
    LIVE,
    SWAP_LOCK,
    Connection,
    create_schema,
    try_drop_schema,
)
from processors.horizon.state_rows import STATE_TABLES
from processors.horizon.store import HISTORY_TABLES, LEDGER_CHANNEL, read_progress
from schemas.versions import HORIZON_VIEWS

REPLAY = re.compile(rf"{LIVE}_replay_(\d+)")
REPLAYED_OUT = re.compile(rf"{LIVE}_old_(\d+)")
REPLAY_LOCK = SWAP_LOCK + 1

REPLAY_TABLE = """
CREATE TABLE {} (
    only_row           boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    from_sequence      bigint NOT NULL,   -- the first ledger whose history is rebuilt
    version            integer NOT NULL,  -- of the views
    state              text   NOT NULL,
    sequence           bigint NOT NULL DEFAULT 0,
    target             bigint NOT NULL DEFAULT 0,
    transactions       bigint NOT NULL DEFAULT 0,  -- of the last run, as are the next two
    transactions_per_s double precision NOT NULL DEFAULT 0,
    eta_s              double precision,
    updated_at         timestamptz NOT NULL DEFAULT now()
)
"""

COMPARED = (
    *(table.name for table in STATE_TABLES),
    "used_references",
    "requests",
    "transfers",
    "transfer_events",
    "rates",
    *HISTORY_TABLES,
)
ID_COLUMNS = {
    "transactions": "id",
    "operations": "id",
    "participants": "operation_id",
    "movements": "id",
}


class ReplayProgress(NamedTuple):
    """How far a replay is. `state`: replaying, indexing, auditing, copying, comparing, swapping or
    done.

    `eta_s` is of the ledgers to come, at the pace of this run; None before there is a pace.
    """

    schema: str
    state: str
    sequence: int
    target: int
    transactions: int
    transactions_per_s: float
    eta_s: float | None


class Difference(NamedTuple):
    """`missing` rows are only in the live table, `surplus` ones only in the rebuilt one."""

    table: str
    missing: int
    surplus: int


def try_lock_replay(connection: Connection) -> bool:
    """One replay at a time; held as long as the connection."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (REPLAY_LOCK,)).fetchone()
    return row is not None and bool(row[0])


def open_replay(connection: Connection, from_sequence: int) -> str:
    """The schema of an unfinished replay of the same kind, or a new one; others are dropped. One
    that an older version of this program began is of another kind.
    """
    found: str | None = None
    numbers = [0]
    for name in _get_schemas(connection):
        match = REPLAY.fullmatch(name)
        if REPLAYED_OUT.fullmatch(name):
            try_drop_schema(connection, name)
        elif match is not None and found is None and _can_resume(connection, name, from_sequence):
            found = name
        elif match is not None:
            try_drop_schema(connection, name)
        if match is not None:
            numbers.append(int(match[1]))
    return found or _create_replay(connection, f"{LIVE}_replay_{max(numbers) + 1}", from_sequence)


def _get_schemas(connection: Connection) -> list[str]:
    rows = connection.execute("SELECT nspname FROM pg_namespace ORDER BY oid").fetchall()
    return [name for (name,) in rows]


def _can_resume(connection: Connection, schema: str, from_sequence: int) -> bool:
    table = sql.Identifier(schema, "replay")
    query = sql.SQL("SELECT to_jsonb(row) FROM {} AS row").format(table)  # an older one has less
    found = connection.execute(query).fetchone()
    row = {} if found is None else found[0]
    wanted = (from_sequence, HORIZON_VIEWS)
    return (row.get("from_sequence"), row.get("version")) == wanted and row["state"] != "failed"


def _create_replay(connection: Connection, schema: str, from_sequence: int) -> str:
    table = sql.Identifier(schema, "replay")
    with connection.transaction():
        create_schema(connection, schema)
        defer_indexes(connection, schema)
        connection.execute(sql.SQL(REPLAY_TABLE).format(table))
        connection.execute(
            sql.SQL(
                "INSERT INTO {} (from_sequence, version, state) VALUES (%s, %s, 'replaying')"
            ).format(table),
            (from_sequence, HORIZON_VIEWS),
        )
    return schema


def write_replay_progress(connection: Connection, progress: ReplayProgress) -> None:
    connection.execute(
        sql.SQL(
            "UPDATE {} SET state = %s, sequence = %s, target = %s, transactions = %s,"
            " transactions_per_s = %s, eta_s = %s, updated_at = now()"
        ).format(sql.Identifier(progress.schema, "replay")),
        progress[1:],
    )


def copy_older_history(connection: Connection, schema: str, from_sequence: int) -> None:
    """What a replay from a later ledger did not rebuild comes from the live views, whole or not at
    all, and once: history never changes.
    """
    with connection.transaction():
        for table, column in ID_COLUMNS.items():
            target = sql.Identifier(schema, table)
            condition = sql.SQL("{} < {}").format(
                sql.Identifier(column), from_sequence << LEDGER_SHIFT
            )
            connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(target, condition))
            connection.execute(
                sql.SQL("INSERT INTO {} SELECT * FROM {} WHERE {}").format(
                    target, sql.Identifier(LIVE, table), condition
                )
            )


def analyze(connection: Connection, schema: str) -> None:
    """Lets the planner know the new tables before anybody asks them something."""
    for table in COMPARED:
        connection.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(schema, table)))


def compare(connection: Connection, schema: str, from_sequence: int) -> list[Difference]:
    """Every table of `schema` with the live one, row by row, both ways; history from
    `from_sequence` on. To be called in a transaction that sees both at one ledger.
    """
    differences = []
    for table in COMPARED:
        rebuilt = _get_rows(schema, table, from_sequence)
        live = _get_rows(LIVE, table, from_sequence)
        missing = _count_surplus(connection, live, rebuilt)
        surplus = _count_surplus(connection, rebuilt, live)
        if missing or surplus:
            differences.append(Difference(table, missing, surplus))
    return differences


def _get_rows(schema: str, table: str, from_sequence: int) -> sql.Composable:
    name = sql.Identifier(schema, table)
    if table not in ID_COLUMNS:
        return sql.SQL("SELECT * FROM {}").format(name)
    first = from_sequence << LEDGER_SHIFT
    column = sql.Identifier(ID_COLUMNS[table])
    return sql.SQL("SELECT * FROM {} WHERE {} >= {}").format(name, column, first)


def _count_surplus(connection: Connection, rows: sql.Composable, others: sql.Composable) -> int:
    query = sql.SQL("SELECT count(*) FROM ({} EXCEPT ALL {}) AS surplus").format(rows, others)
    found: tuple[Any, ...] | None = connection.execute(query).fetchone()
    return 0 if found is None else int(found[0])


def lock_swap(connection: Connection) -> None:
    """Until `unlock_swap` no other connection writes views; this one may."""
    connection.execute("SELECT pg_advisory_lock(%s)", (SWAP_LOCK,))


def unlock_swap(connection: Connection) -> None:
    connection.execute("SELECT pg_advisory_unlock(%s)", (SWAP_LOCK,))


def swap(connection: Connection, schema: str, *, is_outdated: bool) -> str:
    """`schema` becomes the live one; the name that the old one has now. Needs `lock_swap`.
    `is_outdated`: the live views are of another version, of which nothing is known.

    The live writer goes on: its epoch moves over, and the progress it relies on is the same.
    Renaming locks no table, so nobody who reads waits or fails.
    """
    match = REPLAY.fullmatch(schema)
    old = f"{LIVE}_old_{match[1] if match else 0}"
    with connection.transaction():
        live = None if is_outdated else read_progress(connection)
        if not is_outdated:
            copy_rejections(connection, schema)
            copy_reserves(connection, schema)
        for name in ("replay", "deferred_indexes"):
            connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, name)))
        if live is not None:
            table = sql.Identifier(schema, "progress")
            query = sql.SQL("UPDATE {} SET writer_epoch = %s").format(table)
            connection.execute(query, (live.writer_epoch,))
        for name, new in ((LIVE, old), (schema, LIVE)):
            names = sql.Identifier(name), sql.Identifier(new)
            connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
        progress = read_progress(connection)
        sequence = "0" if progress is None else str(progress.position.sequence)
        connection.execute("SELECT pg_notify(%s, %s)", (LEDGER_CHANNEL, sequence))
    return old

"""The views' schema: its version, making it or another one for a replay, partitions, locks.

Views are never migrated: those of another version are rebuilt from the log. SQL only; it knows
nothing of ledgers' content.
"""

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from processors.horizon.state_rows import STATE_TABLES
from processors.ledger_feed.flat import get_definition
from schemas.versions import HORIZON_VIEWS

LIVE = "horizon"
HISTORY, RESERVES = (Path(__file__).with_name(f"{n}.sql") for n in ("history", "reserves"))
PARTITIONED = ("transactions", "operations", "participants", "movements")
LEDGERS_PER_PARTITION = 1 << 18
LEDGER_SHIFT = 32

# Writers hold it shared in every transaction; a swap of schemas holds it alone, so that no row is
# written into a schema that has just lost its name.
SWAP_LOCK = 0x686F72697A6F6E

DROP_WAIT_S = 5

Connection = psycopg.Connection[tuple[Any, ...]]


class SchemaMissing(Exception):
    """The database has no views of this version; the message says what to do."""


def has_schema(connection: Connection, schema: str) -> bool:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (schema,)).fetchone()
    return row is not None and bool(row[0])


def check_schema(connection: Connection, schema: str = LIVE) -> None:
    """Raises `SchemaMissing` unless the schema is there, in this version."""
    version = get_version(connection, schema)
    if version is None:
        raise SchemaMissing(f"the database has no schema {schema!r}: start the processor first")
    if version != HORIZON_VIEWS:
        raise SchemaMissing(
            f"the schema {schema!r} has version {version}, not {HORIZON_VIEWS}:"
            " start the processor, which rebuilds it"
        )


def get_views_definition(schema: str = LIVE) -> str:
    """The SQL that makes the views."""
    history, reserves = (
        re.sub(rf"\b{LIVE}\b", schema, file.read_text(encoding="utf-8"))
        for file in (HISTORY, RESERVES)
    )
    tables = "".join(get_definition(table, schema) for table in STATE_TABLES)
    version = f"INSERT INTO {schema}.version VALUES (true, {HORIZON_VIEWS});\n"  # noqa: S608
    return history + tables + reserves + version


def create_schema(connection: Connection, schema: str) -> None:
    """Empty views called `schema`, whole or not at all."""
    with connection.transaction():
        connection.execute(get_views_definition(schema).encode())


def get_version(connection: Connection, schema: str = LIVE) -> int | None:
    """The version of the views; None where there are none, 0 where they do not say it."""
    if not has_schema(connection, schema):
        return None
    table = sql.Identifier(schema, "version")
    try:
        row = connection.execute(sql.SQL("SELECT version FROM {}").format(table)).fetchone()
    except psycopg.errors.UndefinedTable:
        return 0
    return 0 if row is None else int(row[0])


def try_drop_schema(connection: Connection, schema: str) -> bool:
    """False if a reader held it for longer than `DROP_WAIT_S`: drop what is left later."""
    connection.execute(sql.SQL("SET lock_timeout = {}").format(f"{DROP_WAIT_S}s"))
    try:
        drop_schema(connection, schema)
    except psycopg.errors.LockNotAvailable:
        return False
    finally:
        connection.execute("RESET lock_timeout")
    return True


def drop_schema(connection: Connection, schema: str) -> None:
    """Table by table, so that no single transaction locks thousands of partitions."""
    tables = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p') ORDER BY c.relispartition DESC",
        (schema,),
    ).fetchall()
    for (table,) in tables:
        query = sql.SQL("DROP TABLE {} CASCADE")  # with the views of it
        connection.execute(query.format(sql.Identifier(schema, table)))
    connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))


def get_partition(sequence: int) -> int:
    return sequence // LEDGERS_PER_PARTITION


def create_partition(connection: Connection, schema: str, partition: int) -> None:
    """The partition of every history table that takes its ledgers, unless it is there."""
    low = partition * LEDGERS_PER_PARTITION << LEDGER_SHIFT
    high = (partition + 1) * LEDGERS_PER_PARTITION << LEDGER_SHIFT
    for table in PARTITIONED:
        connection.execute(
            sql.SQL(
                "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
            ).format(
                sql.Identifier(schema, f"{table}_{partition:06}"),
                sql.Identifier(schema, table),
                low,
                high,
            )
        )


def create_bucket(connection: Connection, schema: str, bucket: int) -> None:
    """The partition of used references for one kind and day, unless it is there."""
    name = sql.Identifier(schema, f"used_references_{bucket}")
    parent = sql.Identifier(schema, "used_references")
    query = "CREATE TABLE IF NOT EXISTS {} PARTITION OF {} FOR VALUES FROM ({}) TO ({})"
    connection.execute(sql.SQL(query).format(name, parent, bucket, bucket + 1))


def drop_bucket(connection: Connection, schema: str, bucket: int) -> None:
    name = sql.Identifier(schema, f"used_references_{bucket}")
    connection.execute(sql.SQL("DROP TABLE {}").format(name))


def read_buckets(connection: Connection, schema: str) -> set[int]:
    """Those that have a partition."""
    rows = connection.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = to_regclass(%s)",
        (f"{schema}.used_references",),
    )
    return {int(name.rpartition("_")[2]) for (name,) in rows}


def lock_against_swap(connection: Connection) -> None:
    """Within a transaction of a writer: until it ends no schemas are swapped."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (SWAP_LOCK,))

"""The views' schema: is it there, making another one for a replay, partitions, locks.

Migrations of the live schema are applied by the operator's tool (`tokend migrate`); the same files
make the schema of a replay. SQL only; it knows nothing of ledgers' content.
"""

import re
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

LIVE = "horizon"
MIGRATIONS = Path(__file__).parent / "migrations"
PARTITIONED = ("transactions", "operations", "participants", "movements")
LEDGERS_PER_PARTITION = 1 << 18
LEDGER_SHIFT = 32

# Writers hold it shared in every transaction; a swap of schemas holds it alone, so that no row is
# written into a schema that has just lost its name.
SWAP_LOCK = 0x686F72697A6F6E

Connection = psycopg.Connection[tuple[Any, ...]]


class SchemaMissing(Exception):
    """The database has no views to write to; the message says what to do."""


def has_schema(connection: Connection, schema: str) -> bool:
    row = connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", (schema,)).fetchone()
    return row is not None and bool(row[0])


def check_schema(connection: Connection, schema: str = LIVE) -> None:
    """Raises `SchemaMissing`."""
    if not has_schema(connection, schema):
        raise SchemaMissing(
            f"the database has no schema {schema!r}: run `tokend migrate` for this service first"
        )


def get_migrations() -> list[Path]:
    return sorted(MIGRATIONS.glob("*.sql"))


def create_schema(connection: Connection, schema: str) -> None:
    """An empty set of views called `schema`, made from the migrations of the live one."""
    for file in get_migrations():
        text = re.sub(rf"\b{LIVE}\b", schema, file.read_text(encoding="utf-8"))
        connection.execute(text.encode())


def drop_schema(connection: Connection, schema: str) -> None:
    """Table by table, so that no single transaction locks thousands of partitions."""
    tables = connection.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = %s AND c.relkind IN ('r', 'p') ORDER BY c.relispartition DESC",
        (schema,),
    ).fetchall()
    for (table,) in tables:
        connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(schema, table)))
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


def lock_against_swap(connection: Connection) -> None:
    """Within a transaction of a writer: until it ends no schemas are swapped."""
    connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (SWAP_LOCK,))

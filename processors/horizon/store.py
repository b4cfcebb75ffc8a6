"""Writing the views: one transaction a batch of ledgers, rows and progress in the same commit.

It writes what fold.py gives and decides nothing. Only the writer of the newest epoch can commit,
and only onto the ledger it knows to be the last: a forgotten older process is fenced.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.types.string import BytesBinaryDumper

from processors.horizon.fold import LedgerRows, Row
from processors.horizon.rates import write_rates
from processors.horizon.references import ReferenceStore
from processors.horizon.requests import merge_requests, write_requests
from processors.horizon.schema import (
    LIVE,
    Connection,
    check_schema,
    create_partition,
    get_partition,
    lock_against_swap,
)
from processors.horizon.state_rows import TableChanges, compute_state_changes
from processors.horizon.transfers import merge_transfers, write_transfers
from processors.ledger_feed.flat import StateTable
from schemas.codec import decode, encode
from schemas.generated.common import Hash
from schemas.generated.consensus import QuorumSet
from streams.kill_points import kill_points
from streams.ledger.chain import ChainPosition

LEDGER_CHANNEL = "horizon_ledger"

HISTORY_TABLES: dict[str, dict[str, str]] = {
    "ledgers": {
        "sequence": "int8",
        "header_hash": "bytea",
        "previous_header_hash": "bytea",
        "close_time_ms": "int8",
        "transaction_count": "int4",
        "operation_count": "int4",
        "state_root": "bytea",
        "header": "bytea",
        "certificate": "bytea",
    },
    "transactions": {
        "id": "int8",
        "ledger_sequence": "int8",
        "transaction_hash": "bytea",
        "envelope_hash": "bytea",
        "source_account": "bytea",
        "memo": "bytea",
        "result_code": "text",
        "envelope": "bytea",
        "result": "bytea",
        "close_time_ms": "int8",
        "operation_count": "int4",
    },
    "operations": {
        "id": "int8",
        "transaction_id": "int8",
        "ledger_sequence": "int8",
        "transaction_hash": "bytea",
        "source_account": "bytea",
        "type": "text",
        "body": "bytea",
        "outcome": "bytea",
        "is_success": "bool",
        "close_time_ms": "int8",
    },
    "participants": {"account_id": "bytea", "operation_id": "int8"},
    "movements": {
        "id": "int8",
        "operation_id": "int8",
        "account_id": "bytea",
        "balance_id": "bytea",
        "asset": "text",
        "kind": "text",
        "amount": "numeric",
        "fee_fixed": "numeric",
        "fee_percent": "numeric",
        "available": "numeric",
        "locked": "numeric",
        "close_time_ms": "int8",
    },
}
"""Columns and their types, in the order of fold.py's rows."""


class Fenced(Exception):
    """Another process writes these views now, or they moved under this one: it must stop."""


@dataclass(slots=True, frozen=True)
class Progress:
    """What the row `progress` says. `kafka_offset` is that of the next record on `kafka_topic`."""

    position: ChainPosition
    genesis_hash: Hash
    kafka_topic: str
    kafka_offset: int
    writer_epoch: int


class Batch(NamedTuple):
    """Ledgers in order and, after the last of them, the position, topic and next offset."""

    ledgers: Sequence[LedgerRows]
    position: ChainPosition
    kafka_topic: str
    kafka_offset: int


def read_progress(connection: Connection, schema: str = LIVE) -> Progress | None:
    """None before the first ledger."""
    row = connection.execute(
        sql.SQL(
            "SELECT network_id, sequence, header_hash, close_time_ms, quorum_set, genesis_hash,"
            " kafka_topic, kafka_offset, writer_epoch FROM {}"
        ).format(sql.Identifier(schema, "progress"))
    ).fetchone()
    if row is None:
        return None
    network_id, sequence, header_hash, close_time_ms, quorum_set, *rest = row
    position = ChainPosition(
        network_id, sequence, header_hash, close_time_ms, decode(QuorumSet, quorum_set)
    )
    return Progress(position, *rest)


def read_header_hash(connection: Connection, sequence: int, schema: str = LIVE) -> Hash | None:
    """The hash of a ledger in these views."""
    query = sql.SQL("SELECT header_hash FROM {} WHERE sequence = %s")
    table = sql.Identifier(schema, "ledgers")
    row = connection.execute(query.format(table), (sequence,)).fetchone()
    return None if row is None else Hash(row[0])


class LedgerStore:
    """The one writer of one schema. `sequence` is the last ledger it knows to be written."""

    def __init__(self, connection: Connection, genesis_hash: Hash, schema: str = LIVE) -> None:
        check_schema(connection, schema)
        self.connection = connection
        self.schema = schema
        self.genesis_hash = genesis_hash
        self.partitions: set[int] = set()
        self.references = ReferenceStore(connection, schema)
        self.sequence = 0
        self.epoch = 1

    def take_over(self) -> Progress | None:
        """Fences every older writer; where the views stand."""
        with self.connection.transaction():
            lock_against_swap(self.connection)
            self._execute("UPDATE {progress} SET writer_epoch = writer_epoch + 1")
            progress = read_progress(self.connection, self.schema)
        if progress is not None:
            self.sequence = progress.position.sequence
            self.epoch = progress.writer_epoch
            self.references.load()
        return progress

    def commit(self, batch: Batch, *, is_live: bool = True) -> None:
        """All or nothing. Raises `Fenced`. `is_live`: mind swaps, wake up who waits for ledgers."""
        with self.connection.transaction():
            if is_live:
                lock_against_swap(self.connection)
            self._write_progress(batch)
            kill_points.note("within-fold")
            self._create_partitions(batch.ledgers[-1].sequence)
            self._copy_history("ledgers", (rows.ledger for rows in batch.ledgers))
            self._copy_history("transactions", _chain(rows.transactions for rows in batch.ledgers))
            self._copy_history("operations", _chain(rows.operations for rows in batch.ledgers))
            self._copy_history("participants", _chain(rows.participants for rows in batch.ledgers))
            self._copy_history("movements", _chain(rows.movements for rows in batch.ledgers))
            self.references.write(batch.ledgers, batch.position.close_time_ms, self._copy)
            requests = merge_requests(rows.requests for rows in batch.ledgers)
            write_requests(self.connection, self.schema, requests)
            transfers = merge_transfers((rows.sequence, rows.changes) for rows in batch.ledgers)
            events = [each for rows in batch.ledgers for each in rows.transfer_events]
            write_transfers(self.connection, self.schema, transfers, events)
            rates = [each for rows in batch.ledgers for each in rows.rates]
            write_rates(self.connection, self.schema, rates)
            for changes in compute_state_changes(_merge_changes(batch.ledgers)):
                self._write_state(changes)
            if is_live:
                sequence = str(batch.position.sequence)
                self.connection.execute("SELECT pg_notify(%s, %s)", (LEDGER_CHANNEL, sequence))
        self.sequence = batch.position.sequence

    def _write_progress(self, batch: Batch) -> None:
        """First, because its row lock makes writers queue and its condition fences the older."""
        position = batch.position
        values = (
            position.sequence,
            position.header_hash,
            position.close_time_ms,
            encode(position.quorum_set),
            batch.kafka_topic,
            batch.kafka_offset,
        )
        if self.sequence == 0:
            done = self._execute(
                "INSERT INTO {progress} (sequence, header_hash, close_time_ms, quorum_set,"
                " kafka_topic, kafka_offset, network_id, genesis_hash, writer_epoch)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                (*values, position.network_id, self.genesis_hash, self.epoch),
            )
        else:
            done = self._execute(
                "UPDATE {progress} SET sequence = %s, header_hash = %s, close_time_ms = %s,"
                " quorum_set = %s, kafka_topic = %s, kafka_offset = %s"
                " WHERE sequence = %s AND writer_epoch = %s",
                (*values, self.sequence, self.epoch),
            )
        if done != 1:
            raise Fenced(
                f"the views in {self.schema} are no longer at ledger {self.sequence} in epoch"
                f" {self.epoch}: another processor writes them; run one processor a database"
            )

    def _create_partitions(self, sequence: int) -> None:
        """The one in use and the next, long before it is needed."""
        for partition in (get_partition(sequence), get_partition(sequence) + 1):
            if partition not in self.partitions:
                create_partition(self.connection, self.schema, partition)
                self.partitions.add(partition)

    def _copy_history(self, table: str, rows: Iterable[Row]) -> None:
        self._copy(table, HISTORY_TABLES[table], rows)

    def _copy(self, table: str, columns: Mapping[str, str], rows: Iterable[Row]) -> None:
        query = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            sql.Identifier(self.schema, table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self.connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)

    def _write_state(self, changes: TableChanges) -> None:
        name = sql.Identifier(self.schema, changes.table.name)
        if changes.upserts:
            query = _get_upsert(changes.table).format(name=name)
            self.connection.execute(query, _get_arrays(changes.table, changes.upserts))
        for key in changes.deletes:
            query = sql.SQL("DELETE FROM {name} WHERE ({columns}) = ({values})").format(
                name=name,
                columns=sql.SQL(", ").join(map(sql.Identifier, changes.table.key_columns)),
                values=sql.SQL(", ").join([sql.Placeholder()] * len(key)),
            )
            self.connection.execute(query, key)

    def _execute(self, query: str, values: tuple[object, ...] = ()) -> int:
        table = sql.Identifier(self.schema, "progress")
        return self.connection.execute(sql.SQL(query).format(progress=table), values).rowcount


def _chain(groups: Iterable[Sequence[Row]]) -> Iterator[Row]:
    for rows in groups:
        yield from rows


def _merge_changes(ledgers: Sequence[LedgerRows]) -> dict[bytes, tuple[int, bytes | None]]:
    merged: dict[bytes, tuple[int, bytes | None]] = {}
    for rows in ledgers:
        sequence = rows.sequence
        merged.update((key, (sequence, after)) for key, after in rows.changes.items())
    return merged


def _get_upsert(table: StateTable) -> sql.SQL:
    """Arrays of numbers go as text: psycopg sends those five times faster (measured)."""
    columns = (*table.columns, "changed_in")
    types = (*table.types, "bigint")
    names = ", ".join(columns)
    arrays = ", ".join("%b::bytea[]" if t == "bytea" else "%s::text[]" for t in types)
    casts = ", ".join(f"{c}::{t}" for c, t in zip(columns, types, strict=True))
    updates = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in table.key_columns)
    return sql.SQL(
        f"INSERT INTO {{name}} AS old ({names})"  # noqa: S608 - names of the table of tables
        f" SELECT {casts} FROM unnest({arrays}) AS new ({names})"
        f" ON CONFLICT ({', '.join(table.key_columns)}) DO UPDATE SET {updates}"
        " WHERE old.changed_in <= excluded.changed_in"
    )


def _get_arrays(table: StateTable, rows: Sequence[Row]) -> list[list[Any]]:
    types = (*table.types, "bigint")
    columns = zip(*rows, strict=True)
    return [
        list(values) if kind == "bytea" else [None if v is None else str(v) for v in values]
        for kind, values in zip(types, columns, strict=True)
    ]


@contextmanager
def open_connection(url: str) -> Iterator[Connection]:
    """A connection in autocommit mode, so that transactions are where the code says so."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = on")
        # COPY looks dumpers up by column type; that of bytea is not compiled unless asked for.
        connection.adapters.register_dumper(bytes, BytesBinaryDumper)
        yield connection

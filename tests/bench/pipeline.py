"""What replay is held against: the same log consumed, decoded and copied by bare libraries.

librdkafka reads, fastavro decodes every record whole, PostgreSQL takes the same rows by binary
COPY into the same tables. Nothing is verified or folded: the rows are made beforehand.
"""

import io
import time
from collections.abc import Iterable, Sequence
from typing import Any

import fastavro
from psycopg import sql

from processors.horizon.config import HorizonSettings
from processors.horizon.fold import LedgerRows, Row, fold_ledger
from processors.horizon.schema import Connection, create_partition, create_schema, drop_schema
from processors.horizon.state_rows import compute_state_changes
from processors.horizon.store import HISTORY_TABLES, open_connection
from processors.ledger_feed.network import load_network
from processors.ledger_feed.topic import TopicReader, open_topic
from schemas.codec import FRAME_BYTES, unframe
from schemas.generate import inline, load_schemas
from schemas.generated.ledger import LedgerRecord
from streams.ledger.chain import get_genesis_position, verify_record

SCHEMA = "bare"
RECORDS_AT_ONCE = 100
STATE_TYPES = {"bigint": "int8", "integer": "int4"}


def measure_pipeline(settings: HorizonSettings) -> float:
    """Transactions a second."""
    with (
        open_connection(settings.database.url.reveal()) as connection,
        open_topic(settings.kafka, settings.ledgers_topic) as reader,
    ):
        ledgers = _fold(settings, _consume(reader))
        transactions = sum(len(each.transactions) for each in ledgers)
        create_schema(connection, SCHEMA)
        create_partition(connection, SCHEMA, 0)
        try:
            began = time.perf_counter()
            _decode(_consume(reader))
            _copy(connection, ledgers)
            return transactions / (time.perf_counter() - began)
        finally:
            drop_schema(connection, SCHEMA)


def _consume(reader: TopicReader) -> list[bytes]:
    offset, end = reader.get_range()
    values: list[bytes] = []
    while offset < end:
        messages = reader.read(offset, min(RECORDS_AT_ONCE, end - offset))
        values.extend(each.value for each in messages)
        offset = messages[-1].offset + 1
    return values


def _decode(values: Iterable[bytes]) -> None:
    named = load_schemas()
    outer = fastavro.parse_schema(inline("ledger.LedgerRecord", named))
    header = fastavro.parse_schema(inline("ledger.LedgerHeader", named))
    body = fastavro.parse_schema(inline("ledger.LedgerBody", named))
    for value in values:
        record: Any = fastavro.schemaless_reader(io.BytesIO(value[FRAME_BYTES:]), outer, None)
        fastavro.schemaless_reader(io.BytesIO(record["header"]), header, None)
        fastavro.schemaless_reader(io.BytesIO(record["body"]), body, None)


def _fold(settings: HorizonSettings, values: Iterable[bytes]) -> list[LedgerRows]:
    network = load_network(settings.genesis_file)
    position = get_genesis_position(network.network_id)
    ledgers: dict[int, LedgerRows] = {}
    for value in values:
        sequence = position.sequence + 1
        verified = verify_record(position, unframe(LedgerRecord, value), network.genesis_hash)
        ledgers[sequence], position = fold_ledger(verified), verified.position
    return list(ledgers.values())


def _copy(connection: Connection, ledgers: Sequence[LedgerRows]) -> None:
    typed = {table: list(columns.values()) for table, columns in HISTORY_TABLES.items()}
    with connection.transaction():
        _copy_table(connection, "ledgers", typed["ledgers"], [each.ledger for each in ledgers])
        for table in ("transactions", "operations", "participants", "movements"):
            rows = [row for each in ledgers for row in getattr(each, table)]
            _copy_table(connection, table, typed[table], rows)
        merged = {
            key: (each.sequence, after) for each in ledgers for key, after in each.changes.items()
        }
        for changes in compute_state_changes(merged):
            types = [_get_copy_type(each) for each in (*changes.table.types, "bigint")]
            _copy_table(connection, changes.table.name, types, changes.upserts)


def _get_copy_type(column_type: str) -> str:
    name = column_type.partition("(")[0]
    return STATE_TYPES.get(name, name)


def _copy_table(
    connection: Connection, table: str, types: Sequence[str], rows: Iterable[Row]
) -> None:
    query = sql.SQL("COPY {} FROM STDIN (FORMAT binary)").format(sql.Identifier(SCHEMA, table))
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)

"""The lake, read by DuckDB: what the ledgers say, whole files, and the header they stand under."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet
import pytest

from processors.lake.export import export_ledgers
from processors.lake.rows import TABLES
from streams.ledger.chain import VerifiedLedger, get_genesis_position, verify_record
from tests.support.network import Network, make_economy, pay

RANGE = 8


@pytest.fixture(scope="module")
def network() -> Network:
    network = make_economy()
    for number in range(16):
        network.apply("alice", pay(network, "alice", "bob", "EUR", 10 + number, f"n{number}"))
    return network


def verify(network: Network, count: int | None = None) -> Iterator[VerifiedLedger]:
    position = get_genesis_position(network.network_id)
    for record in network.records[:count]:
        verified = verify_record(position, record, network.genesis_hash)
        position = verified.position
        yield verified


def query(folder: Path, text: str) -> list[Any]:
    with duckdb.connect() as connection:
        for table in TABLES:
            files = str(folder / table.name / "*" / "*.parquet")
            connection.read_parquet(files, hive_partitioning=True).create_view(table.name)
        return connection.execute(text).fetchall()


def test_what_moved_is_what_the_ledger_says(network: Network, tmp_path: Path) -> None:
    export_ledgers(verify(network), tmp_path, RANGE)
    last = len(network.records) // RANGE * RANGE
    assert query(tmp_path, "SELECT count(*), min(ledger), max(ledger) FROM ledgers") == [
        (last, 1, last)
    ]
    (paid,) = query(
        tmp_path,
        "SELECT count(*), sum(CAST(amount AS HUGEINT)) FROM movements JOIN operations"
        " USING (ledger, transaction, operation)"
        " WHERE kind = 'FUNDED' AND asset = 'EUR' AND type = 'payment'",
    )
    count = query(tmp_path, "SELECT count(*) FROM operations WHERE type = 'payment'")[0][0]
    assert count > 5
    assert paid == (count, sum(10 + number for number in range(count)))
    chain = query(
        tmp_path,
        "SELECT count(*) FROM ledgers a JOIN ledgers b ON b.ledger = a.ledger + 1"
        " WHERE b.previous_header_hash = a.header_hash",
    )
    assert chain == [(last - 1,)]
    body = query(
        tmp_path, "SELECT body ->> 'amount' FROM operations WHERE type = 'payment' LIMIT 1"
    )
    assert body == [("0.10",)]


def test_entries_are_the_state(network: Network, tmp_path: Path) -> None:
    export_ledgers(verify(network), tmp_path, len(network.records))
    found = query(
        tmp_path,
        "SELECT key, after FROM entries QUALIFY row_number() OVER"
        " (PARTITION BY key ORDER BY ledger DESC, transaction DESC NULLS FIRST) = 1",
    )
    state = {bytes(key): bytes(after) for key, after in found if after is not None}
    assert state == dict(network.ledger.state.encoded)


def test_every_file_names_the_header_it_was_verified_under(
    network: Network, tmp_path: Path
) -> None:
    export_ledgers(verify(network), tmp_path, RANGE)
    hashes = {v.header.sequence: v.header_hash.hex() for v in verify(network)}
    files = list(tmp_path.rglob("*.parquet"))
    assert len(files) == len(TABLES) * (len(network.records) // RANGE)
    for file in files:
        metadata = pyarrow.parquet.read_schema(file).metadata
        last = int(metadata[b"tokend.last_ledger"])
        assert metadata[b"tokend.header_hash"].decode() == hashes[last]
        assert hashes[last] in file.name


def test_again_it_goes_on_where_it_was(network: Network, tmp_path: Path) -> None:
    assert export_ledgers(verify(network, RANGE + 3), tmp_path, RANGE) == len(TABLES)
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*.parquet")}
    ranges = len(network.records) // RANGE
    assert export_ledgers(verify(network), tmp_path, RANGE) == len(TABLES) * (ranges - 1)
    assert {file: file.stat().st_mtime_ns for file in before} == before

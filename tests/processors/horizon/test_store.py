"""Writing rows to a real database: exactly once, by one writer, newest value last."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from processors.horizon import schema
from processors.horizon.audit import NothingToAudit, audit
from processors.horizon.fold import fold_ledger
from processors.horizon.schema import Connection, SchemaMissing, create_schema, drop_schema
from processors.horizon.store import (
    Batch,
    Fenced,
    LedgerStore,
    open_connection,
    read_header_hash,
    read_progress,
)
from schemas.generated.common import Hash
from streams.ledger.chain import VerifiedLedger
from tests.processors.economies import STEPS, make_network, make_varied_network
from tests.processors.horizon.test_fold import verify
from tests.processors.support import HISTORY, STATE
from tests.support.network import Network
from tests.support.servers import Servers

GENESIS_HASH = Network().genesis_hash


@pytest.fixture(scope="module")
def connection(servers: Servers) -> Iterator[Connection]:
    with open_connection(servers.create_database("store")) as opened:
        yield opened


@pytest.fixture
def views(connection: Connection) -> Iterator[Connection]:
    create_schema(connection, "horizon")
    yield connection
    drop_schema(connection, "horizon")


def get_batch(ledgers: Sequence[VerifiedLedger]) -> Batch:
    last = ledgers[-1].position
    return Batch([fold_ledger(each) for each in ledgers], last, "node.ledgers", last.sequence)


def get_rows(connection: Connection, name: str) -> list[list[str]]:
    found = []
    for table in (*HISTORY, *STATE):
        rows = connection.execute(f"SELECT t::text FROM {name}.{table} AS t")  # noqa: S608
        found.append(sorted(text for (text,) in rows.fetchall()))
    return found


def write(connection: Connection, name: str, batches: Sequence[Sequence[VerifiedLedger]]) -> None:
    store = LedgerStore(connection, GENESIS_HASH, name)
    store.take_over()
    for batch in batches:
        store.commit(get_batch(batch))


SCRIPTS = st.lists(
    st.lists(st.integers(0, len(STEPS) - 1), max_size=4, unique=True), min_size=1, max_size=5
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(script=SCRIPTS, cuts=st.sets(st.integers(1, 8), max_size=4))
def test_views_depend_on_ledgers_alone_and_prove_the_state_root(
    connection: Connection, script: list[list[int]], cuts: set[int]
) -> None:
    """However the ledgers are batched, rows are the same, and their root is the header's."""
    network = make_network(script)
    ledgers = verify(network)
    bounds = [0, *sorted(cut for cut in cuts if cut < len(ledgers)), len(ledgers)]
    batches = [ledgers[low:high] for low, high in pairwise(bounds)]
    for name in ("one", "other"):
        create_schema(connection, name)
    try:
        write(connection, "one", [ledgers])
        write(connection, "other", batches)
        assert get_rows(connection, "one") == get_rows(connection, "other")
        result = audit(connection, "one")
        header = network.ledger.header
        assert result.computed == (header.state_root, header.reference_window_root)
        assert result.is_equal
        assert result.entries == network.ledger.trie.entry_count
    finally:
        for name in ("one", "other"):
            drop_schema(connection, name)


def test_a_writer_goes_on_where_the_last_stopped(views: Connection) -> None:
    ledgers = verify(make_varied_network(2))
    store = LedgerStore(views, GENESIS_HASH)
    assert store.take_over() is None
    store.commit(get_batch(ledgers[:4]))
    progress = LedgerStore(views, GENESIS_HASH).take_over()
    assert progress is not None
    assert progress.position == ledgers[3].position
    assert (progress.kafka_topic, progress.kafka_offset) == ("node.ledgers", 4)
    assert progress.writer_epoch == 2
    assert read_header_hash(views, 3) == ledgers[2].header_hash
    assert read_header_hash(views, 9) is None


def test_an_older_writer_is_fenced_and_changes_nothing(views: Connection) -> None:
    ledgers = verify(make_varied_network(2))
    older, newer = LedgerStore(views, GENESIS_HASH), LedgerStore(views, GENESIS_HASH)
    older.take_over()
    older.commit(get_batch(ledgers[:4]))
    newer.take_over()
    before = get_rows(views, "horizon")
    with pytest.raises(Fenced):
        older.commit(get_batch(ledgers[4:5]))
    assert get_rows(views, "horizon") == before
    newer.commit(get_batch(ledgers[4:5]))
    behind = LedgerStore(views, GENESIS_HASH)
    behind.epoch, behind.sequence = newer.epoch, 4
    with pytest.raises(Fenced):
        behind.commit(get_batch(ledgers[4:5]))


def test_two_first_writers_do_not_both_write(views: Connection) -> None:
    ledgers = verify(Network())
    one, other = LedgerStore(views, GENESIS_HASH), LedgerStore(views, GENESIS_HASH)
    one.take_over()
    other.take_over()
    one.commit(get_batch(ledgers))
    with pytest.raises(Fenced):
        other.commit(get_batch(ledgers))


def test_a_commit_that_fails_leaves_nothing(views: Connection) -> None:
    ledgers = verify(make_varied_network(2))
    store = LedgerStore(views, GENESIS_HASH)
    store.take_over()
    store.commit(get_batch(ledgers[:4]))
    before, progress = get_rows(views, "horizon"), read_progress(views)
    broken = get_batch(ledgers[4:6])
    broken.ledgers[1].movements.append((1, 2))
    with pytest.raises(psycopg.Error):
        store.commit(broken)
    assert get_rows(views, "horizon") == before
    assert read_progress(views) == progress
    store.commit(get_batch(ledgers[4:6]))


def test_an_older_value_does_not_replace_a_newer_one(views: Connection) -> None:
    ledgers = verify(make_varied_network(2))
    store = LedgerStore(views, GENESIS_HASH)
    store.take_over()
    store.commit(get_batch(ledgers))
    before = get_rows(views, "horizon")
    batch = get_batch(ledgers[4:5])
    history = batch.ledgers[0]._replace(
        ledger=(0, *batch.ledgers[0].ledger[1:]),
        references=[],
        transactions=[],
        operations=[],
        participants=[],
        movements=[],
    )
    store.commit(batch._replace(ledgers=[history]))
    views.execute("DELETE FROM horizon.ledgers WHERE sequence = 0")
    assert get_rows(views, "horizon") == before


def test_partitions_come_before_they_are_needed(
    views: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LEDGERS_PER_PARTITION", 4)
    ledgers = verify(make_varied_network(6))
    store = LedgerStore(views, GENESIS_HASH)
    store.take_over()
    for each in ledgers:
        store.commit(get_batch([each]))
    found = views.execute(
        "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = 'horizon.movements'::regclass ORDER BY 1"
    ).fetchall()
    partitions = len(ledgers) // 4 + 2
    assert found == [(f"movements_{number:06}",) for number in range(partitions)]


def test_what_is_missing_is_said(connection: Connection, tmp_path: Path) -> None:
    with pytest.raises(SchemaMissing, match="start the processor"):
        LedgerStore(connection, Hash(bytes(32)))
    with pytest.raises(SchemaMissing):
        audit(connection)
    create_schema(connection, "horizon")
    with pytest.raises(NothingToAudit):
        audit(connection)
    drop_schema(connection, "horizon")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE horizon.accounts SET role_id = role_id + 1",
        "UPDATE horizon.signers SET weight = weight - 1",
        "UPDATE horizon.balances SET locked = locked + 1",
        "UPDATE horizon.assets SET policies = policies + 1",
        "UPDATE horizon.key_values SET number = number + 1",
        "UPDATE horizon.balances SET amount = -1",
        "UPDATE horizon.entries SET entry = 'x'",
        "DELETE FROM horizon.entries WHERE key = (SELECT key FROM horizon.entries LIMIT 1)",
    ],
)
def test_damage_to_any_state_table_is_found(views: Connection, damage: str) -> None:
    store = LedgerStore(views, GENESIS_HASH)
    store.take_over()
    store.commit(get_batch(verify(make_varied_network(2))))
    assert audit(views).is_equal
    assert views.execute(damage.encode()).rowcount > 0
    assert not audit(views).is_equal

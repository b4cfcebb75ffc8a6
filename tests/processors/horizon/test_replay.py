"""Replay: rebuilt views are the live ones, whenever it was interrupted, and nobody notices."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psycopg
import pytest

from processors.horizon import rebuild, replay
from processors.horizon.audit import audit
from processors.horizon.rebuild import Difference, ReplayProgress
from processors.horizon.replay import ReplayError, run
from processors.horizon.store import open_connection
from schemas.settings import CRASH_VARIABLE
from streams.kill_points import HORIZON_LABELS
from tests.processors.economies import make_busy_network
from tests.processors.support import Views, encode_toml
from tests.support.network import Network
from tests.support.servers import Servers

REPLAY = """
import os, pathlib, sys
from processors.horizon.config import HorizonSettings
from processors.horizon.replay import run
from schemas.settings import load_config
from streams.kill_points import kill_points
kill_points.arm(os.environ)
run(load_config(HorizonSettings, pathlib.Path(sys.argv[1]), os.environ))
"""


@pytest.fixture(scope="module")
def busy() -> Network:
    return make_busy_network(300, payments=5)


def get_schemas(views: Views) -> list[str]:
    found = views.query(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'horizon%%' ORDER BY 1"
    )
    return [name for (name,) in found]


def get_indexes(views: Views) -> list[Any]:
    return views.query(
        "SELECT pg_get_indexdef(i.indexrelid), pg_get_constraintdef(k.oid), k.conname"
        " FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid"
        " LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid"
        " WHERE t.relnamespace = 'horizon'::regnamespace ORDER BY 1"
    )


def test_rebuilt_views_take_the_place_of_damaged_ones(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    before, indexes = views.get_rows(), get_indexes(views)
    with views.connect() as connection:
        connection.execute("UPDATE horizon.balances SET amount = amount + 1")
        connection.execute("DELETE FROM horizon.movements WHERE amount < 100")
    assert not views.is_right()
    states: list[ReplayProgress] = []
    outcome = run(views.get_settings(), report=states.append)
    assert outcome.is_live
    assert outcome.audit.is_equal
    assert outcome.sequence == len(varied.records)
    assert outcome.transactions == len(before["transactions"])
    assert views.get_rows() == before
    assert get_indexes(views) == indexes
    assert get_schemas(views) == ["horizon"]
    assert views.query("SELECT count(*) FROM pg_stats WHERE schemaname = 'horizon'") != [(0,)]
    assert [states[0].state, states[-1].state] == ["replaying", "done"]
    assert states[-1].sequence == states[-1].target == len(varied.records)


def test_verifying_compares_and_leaves_the_live_views(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    outcome = run(views.get_settings(), verify=True)
    assert outcome.differences == []
    assert not outcome.is_live
    assert get_schemas(views) == ["horizon"]
    with views.connect() as connection:
        connection.execute("UPDATE horizon.transactions SET memo = 'x' WHERE id % 3 = 0")
        connection.execute("DELETE FROM horizon.signers WHERE weight < 1000")
    changed = run(views.get_settings(), verify=True).differences
    assert changed is not None
    assert [each.table for each in changed] == ["signers", "transactions"]
    assert changed[0].missing == 0
    assert isinstance(changed[1], Difference)
    assert changed[1].missing == changed[1].surplus > 0


def test_history_before_the_first_ledger_asked_for_is_kept(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    before = views.get_rows()
    last = len(varied.records)
    outcome = run(views.get_settings(), from_sequence=last)
    assert outcome.transactions == varied.ledger.header.transaction_count
    assert views.get_rows() == before
    with pytest.raises(ReplayError, match="the first is 1"):
        run(views.get_settings(), from_sequence=0)


@pytest.mark.parametrize("label", HORIZON_LABELS)
def test_a_killed_replay_goes_on_where_it_was(
    servers: Servers, tmp_path: Path, busy: Network, label: str
) -> None:
    views = Views(servers, tmp_path, busy)
    views.fold(busy.records)
    before = views.get_rows()
    config = tmp_path / "replay.toml"
    config.write_text(encode_toml(views.get_settings()))
    command = [sys.executable, "-c", REPLAY, str(config)]
    environment = {**os.environ, CRASH_VARIABLE: f"{label}:2"}  # among the four times it commits
    done = subprocess.run(command, env=environment, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert 0 < get_replayed(views) < len(busy.records)
    outcome = run(views.get_settings())
    assert outcome.transactions < len(before["transactions"])
    assert views.get_rows() == before
    assert get_schemas(views) == ["horizon"]


def test_a_replay_that_ends_among_its_indexes_makes_the_rest(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    indexes = get_indexes(views)

    def spoil(progress: ReplayProgress) -> None:
        if progress.state == "indexing":  # movements' come after what cannot be made
            table = f"{progress.schema}.deferred_indexes"
            with views.connect() as connection:
                connection.execute(f"INSERT INTO {table} VALUES ('make an index')")  # noqa: S608
                connection.execute(
                    f"UPDATE {table} SET definition = definition"  # noqa: S608
                    " WHERE definition LIKE '%movements%'"
                )

    with pytest.raises(psycopg.errors.SyntaxError):
        run(views.get_settings(), report=spoil)
    table = "horizon_replay_1.deferred_indexes"
    left = views.query(f"SELECT count(*) FROM {table}")  # noqa: S608
    assert left == [(5,)]
    with views.connect() as connection:
        connection.execute(f"DELETE FROM {table} WHERE definition LIKE 'make%'")  # noqa: S608
    assert run(views.get_settings()).is_live
    assert get_indexes(views) == indexes


def get_replayed(views: Views) -> int:
    try:
        rows = views.query("SELECT sequence FROM horizon_replay_1.progress")
    except psycopg.errors.UndefinedTable:
        return 0
    return rows[0][0] if rows else 0


def test_a_replay_of_another_kind_starts_anew(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    with open_connection(views.url) as connection:
        assert rebuild.open_replay(connection, 1) == "horizon_replay_1"
        assert rebuild.open_replay(connection, 1) == "horizon_replay_1"
        assert rebuild.open_replay(connection, 2) == "horizon_replay_2"
        connection.execute("UPDATE horizon_replay_2.replay SET state = 'failed'")
        assert rebuild.open_replay(connection, 2) == "horizon_replay_3"
        connection.execute("UPDATE horizon_replay_3.replay SET version = 0")
        assert rebuild.open_replay(connection, 2) == "horizon_replay_4"
        connection.execute("CREATE SCHEMA horizon_old_7")
        rebuild.open_replay(connection, 2)
    assert get_schemas(views) == ["horizon", "horizon_replay_4"]


def test_only_one_replay_runs(servers: Servers, tmp_path: Path, varied: Network) -> None:
    views = Views(servers, tmp_path, varied)
    with open_connection(views.url) as connection:
        assert rebuild.try_lock_replay(connection)
        with pytest.raises(ReplayError, match="another replay"):
            run(views.get_settings())


def test_views_that_do_not_add_up_are_not_swapped_in(
    servers: Servers, tmp_path: Path, varied: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    before = views.get_rows()

    def damage(connection: Any, schema: str) -> Any:
        connection.execute(f"UPDATE {schema}.balances SET locked = locked + 1")  # noqa: S608
        return audit(connection, schema)

    monkeypatch.setattr(replay, "audit", damage)
    with pytest.raises(ReplayError, match="rebuilt views' roots"):
        run(views.get_settings())
    assert views.get_rows() == before
    monkeypatch.undo()
    assert run(views.get_settings()).is_live


def test_a_topic_that_ends_too_early_is_told(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    with views.connect() as connection:
        connection.execute("UPDATE horizon.progress SET sequence = sequence + 1")
    with pytest.raises(ReplayError, match="the live views are at"):
        run(views.get_settings())


class Reader(threading.Thread):
    """Reads the live views without a pause, as a gateway's connection with prepared statements."""

    def __init__(self, views: Views) -> None:
        super().__init__()
        self.views = views
        self.is_over = threading.Event()
        self.errors: list[Exception] = []
        self.sequences: list[int] = []

    def run(self) -> None:
        try:
            with psycopg.connect(self.views.url, autocommit=True, prepare_threshold=0) as reader:
                while not self.is_over.is_set():
                    self.read(reader)
        except Exception as error:
            self.errors.append(error)

    def read(self, reader: "psycopg.Connection[tuple[Any, ...]]") -> None:
        row = reader.execute("SELECT sequence FROM horizon.progress").fetchone()
        assert row is not None
        self.sequences.append(row[0])
        held = reader.execute("SELECT sum(amount + locked) FROM horizon.balances").fetchone()
        issued = reader.execute("SELECT sum(issued) FROM horizon.asset_supplies").fetchone()
        assert held is not None
        assert held == issued
        query = "SELECT count(*) FROM horizon.transactions WHERE ledger_sequence <= %s"
        count = reader.execute(query, (5,)).fetchone()
        assert count is not None
        assert count[0] > 0


def test_the_live_processor_and_readers_do_not_notice_the_swap(
    servers: Servers, tmp_path: Path
) -> None:
    network = make_busy_network(200, payments=5)
    views = Views(servers, tmp_path, network)
    views.fold(network.records[:100])
    views.rejections.publish()
    reader = Reader(views)
    with views.run() as processor:
        reader.start()
        publisher = threading.Thread(target=publish_slowly, args=(views, network.records[100:]))
        publisher.start()
        for _ in range(3):
            assert run(views.get_settings()).is_live
        publisher.join()
        processor.wait_for(len(network.records))
        assert processor.process.poll() is None
        reader.is_over.set()
        reader.join(10)
    assert reader.errors == []
    assert reader.sequences == sorted(reader.sequences)
    assert views.is_right()
    assert run(views.get_settings(), verify=True).differences == []


def publish_slowly(views: Views, records: Any) -> None:
    pause = threading.Event()
    for record in records:
        views.log.publish(record)
        pause.wait(0.05)


def test_the_row_replay_tells_machines_how_far_it_is(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    seen: list[tuple[Any, ...]] = []

    def look(progress: ReplayProgress) -> None:
        if progress.state == "auditing":
            table = f"{progress.schema}.replay"
            query = f"SELECT state, sequence, target, transactions FROM {table}"  # noqa: S608
            seen.extend(views.query(query))

    run(views.get_settings(), report=look)
    last = len(varied.records)
    transactions = views.query("SELECT count(*) FROM horizon.transactions")[0][0]
    assert seen == [("auditing", last, last, transactions)]


def test_a_reader_that_does_nothing_holds_no_replay_up(
    servers: Servers, tmp_path: Path, varied: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.horizon.schema.DROP_WAIT_S", 1)
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    with psycopg.connect(views.url) as reader:  # idle in a transaction, as a forgotten shell is
        reader.execute("SELECT count(*) FROM horizon.balances")
        outcome = run(views.get_settings())
        assert outcome.is_live
        assert outcome.left == ("horizon_old_1",)
    again = run(views.get_settings())
    assert again.left == ()
    assert views.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'horizon_old%%'") == []

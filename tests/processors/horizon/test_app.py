"""The processor as a process between a real broker and a real database."""

import signal
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from processors.ledger_feed.stream import SESSION_S
from schemas.generated.common import Hash
from schemas.generated.events import Rejection, RejectionCode
from schemas.generated.ledger import LedgerRecord
from schemas.settings import DatabaseSettings, Secret
from tests.processors.economies import make_busy_network
from tests.processors.support import Log, Views
from tests.support.network import Network
from tests.support.servers import Servers

NOW_MS = time.time_ns() // 1_000_000


@pytest.fixture(scope="module")
def busy() -> Network:
    return make_busy_network(120)


def get_expected(views: Views, records: Sequence[LedgerRecord], tmp_path: Path) -> object:
    """The rows that folding exactly `records` once gives, in a database of its own."""
    folder = tmp_path / "expected"
    folder.mkdir()
    others = Views(views.servers, folder, views.network)
    others.fold(records)
    return others.get_rows()


def test_views_hold_every_ledger_and_the_state_root_is_the_header_s(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.log.publish(*varied.records[:5])
    with views.run() as processor:
        processor.wait_for(5)
        views.log.publish(*varied.records[5:])
        processor.wait_for(len(varied.records))
        assert processor.stop() == 0
    assert views.is_right()
    assert [row[0] for row in views.query("SELECT sequence FROM horizon.ledgers ORDER BY 1")] == [
        *range(1, len(varied.records) + 1)
    ]


def test_killed_at_any_moment_every_row_is_there_once(
    servers: Servers, tmp_path: Path, busy: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    views = Views(servers, tmp_path, busy)
    for start in range(0, len(busy.records), 31):
        views.log.publish(*busy.records[start : start + 31])
        first = views.get_sequence()
        with views.run() as processor:
            processor.wait_until(lambda at=first: views.get_sequence() > at)  # type: ignore[misc]
            processor.kill()
    with views.run() as processor:
        processor.wait_for(len(busy.records))
    assert views.is_right()
    assert views.get_rows() == get_expected(views, busy.records, tmp_path)
    assert list(scratch.iterdir()) == [], "a killed processor leaves files behind"


def test_a_database_that_does_not_answer_is_told_in_one_line(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    nowhere = DatabaseSettings(url=Secret("postgresql://nobody:hidden@127.0.0.1:1/none"))
    with views.run(database=nowhere) as processor:
        assert processor.wait_for_end() == 1
    assert [each["event"] for each in processor.get_events()] == ["database_fails"]
    assert "Traceback" not in processor.read_log()
    assert "hidden" not in processor.read_log()


def test_a_writer_that_fails_ends_the_process_however_much_waits_behind_it(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    """Else it would neither work nor be started again: Faust waits for who takes no more."""
    views = Views(servers, tmp_path, varied)
    views.log.publish(*varied.records)
    refusals = [
        Rejection(Hash(number.to_bytes(32, "big")), None, RejectionCode.MALFORMED, "", 1, NOW_MS)
        for number in range(1_000)
    ]
    with views.run() as processor:
        processor.wait_for(len(varied.records))
        with views.connect() as connection, connection.transaction():
            connection.execute("LOCK TABLE horizon.rejections IN ACCESS EXCLUSIVE MODE")
            views.rejections.publish(*refusals)
            processor.wait_until(lambda: count_waiting(views) > 0)
            time.sleep(1)  # for the rest to come behind it
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
        assert processor.wait_for_end() == 1
        assert processor.get_events()[-1]["event"] == "database_fails"


def count_waiting(views: Views) -> int:
    ((count,),) = views.query(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return int(count)


def test_a_wrong_offset_is_only_a_hint(servers: Servers, tmp_path: Path, varied: Network) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records[:6])
    for offset in (0, 3, 1_000):
        with views.connect() as connection:
            connection.execute("UPDATE horizon.progress SET kafka_offset = %s", (offset,))
        views.fold(varied.records[views.get_sequence() : views.get_sequence() + 1])
    assert views.is_right()


def test_views_follow_another_node_from_where_they_stand(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records[:6])
    other = Log(servers, f"{views.prefix}node2.ledgers")
    other.publish(*varied.records)
    with views.run(ledgers_topic=other.topic) as processor:
        processor.wait_for(len(varied.records))
    assert views.is_right()


def test_the_older_of_two_processors_is_fenced(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records[:6])
    with views.run() as older:
        older.wait_until(lambda: "processor_starts" in older.read_log())
        with views.run(name=f"{views.prefix}another") as newer:
            newer.wait_until(lambda: "processor_starts" in newer.read_log())
            views.log.publish(*varied.records[6:])
            newer.wait_for(len(varied.records))
            assert older.wait_for_end() == 1
            assert "Fenced" in older.read_log()
    assert views.is_right()


def test_a_processor_that_slept_longer_than_its_session_goes_on(
    servers: Servers, tmp_path: Path, busy: Network
) -> None:
    views = Views(servers, tmp_path, busy)
    views.log.publish(*busy.records[:20])
    with views.run() as processor:
        processor.wait_for(20)
        processor.process.send_signal(signal.SIGSTOP)
        views.log.publish(*busy.records[20:60])
        time.sleep(SESSION_S + 3)
        processor.process.send_signal(signal.SIGCONT)
        views.log.publish(*busy.records[60:])
        processor.wait_for(len(busy.records))
    assert views.is_right()


def test_views_are_made_where_there_are_none(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    with views.connect() as connection:
        connection.execute("DROP SCHEMA horizon CASCADE")
    views.log.publish(*varied.records)
    with views.run() as processor:
        processor.wait_until(lambda: "views_created" in processor.read_log())
        processor.wait_for(len(varied.records))
    assert views.is_right()


@pytest.mark.parametrize(
    "age",
    [
        "UPDATE horizon.version SET version = 0",
        "DROP TABLE horizon.version; DROP TABLE horizon.progress; CREATE TABLE horizon.progress ()",
    ],
    ids=["another version", "a version that knew of none"],
)
def test_views_of_another_version_are_rebuilt(
    servers: Servers, tmp_path: Path, varied: Network, age: str
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records)
    before = views.get_rows()
    with views.connect() as connection:
        connection.execute("UPDATE horizon.balances SET amount = amount + 1")
        connection.execute(age.encode())
    with views.run() as processor:
        processor.wait_until(lambda: "views_rebuilt" in processor.read_log())
        processor.wait_for(len(varied.records))
    assert views.get_rows() == before
    states = [each["state"] for each in processor.get_events() if "state" in each]
    assert {"replaying", "done"} <= set(states)


def test_views_of_another_network_are_refused(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    views.fold(varied.records[:2])
    with views.connect() as connection:
        connection.execute("UPDATE horizon.progress SET network_id = %s", (bytes(32),))
    with views.run() as processor:
        assert processor.wait_for_end() == 1
        assert "another network" in processor.read_log()


def test_refusals_are_stored_told_and_forgotten_after_an_hour(
    servers: Servers, tmp_path: Path, varied: Network
) -> None:
    views = Views(servers, tmp_path, varied)
    now_ms = time.time_ns() // 1_000_000
    old = Rejection(Hash(b"o" * 32), None, RejectionCode.MALFORMED, "", 1, now_ms - 3_700_000)
    fresh = Rejection(Hash(b"f" * 32), None, RejectionCode.BAD_AUTH, "a\0b", 2, now_ms)
    with views.connect() as listener:
        listener.execute("LISTEN horizon_rejection")
        listener.execute("LISTEN horizon_ledger")
        listener.execute(
            "INSERT INTO horizon.rejections VALUES (%s, 'node', NULL, 'MALFORMED', '', 1, %s)",
            (b"x" * 32, now_ms - 3_700_000),
        )
        views.log.publish(*varied.records)
        views.rejections.publish(old, b"no rejection", fresh, fresh)
        with views.run() as processor:
            processor.wait_for(len(varied.records))
            told = {(n.channel, n.payload) for n in listener.notifies(timeout=5, stop_after=2)}
            assert ("horizon_rejection", fresh.envelope_hash.hex()) in told
            assert any(channel == "horizon_ledger" for channel, _ in told)
            processor.wait_until(lambda: "rejection_left_out" in processor.read_log())
    rows = views.query("SELECT envelope_hash, node, code, detail FROM horizon.rejections")
    node = views.rejections.topic.removesuffix(".rejections")
    assert rows == [(fresh.envelope_hash, node, "BAD_AUTH", "a\ufffdb")]

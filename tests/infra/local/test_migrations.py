"""Migrations against a real PostgreSQL: in order, once, whole, and never edited."""

import threading
from pathlib import Path

import psycopg
import pytest

from infra.local.errors import Fault
from infra.local.migrations import apply_all, apply_migrations, read_migrations
from tests.infra.refusals import refused
from tests.support.servers import Servers

FIRST = "CREATE TABLE a (x int); INSERT INTO a VALUES (1);"
SECOND = "ALTER TABLE a ADD COLUMN y text DEFAULT '100 %';"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_create_a.sql").write_text(FIRST)
    return tmp_path


def test_each_is_applied_once_and_in_order(servers: Servers, folder: Path) -> None:
    url = servers.create_database()
    assert apply_migrations(url, folder) == ["0001_create_a"]
    assert apply_migrations(url, folder) == []
    (folder / "0002_add_y.sql").write_text(SECOND)
    (folder / "0003_add_z.sql").write_text("ALTER TABLE a ADD COLUMN z int")
    assert apply_migrations(url, folder) == ["0002_add_y", "0003_add_z"]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT * FROM a").fetchall() == [(1, "100 %", None)]
        numbers = connection.execute("SELECT number FROM schema_migrations").fetchall()
    assert numbers == [(1,), (2,), (3,)]


def test_a_schema_named_as_its_user_does_not_hide_what_was_applied(
    servers: Servers, folder: Path
) -> None:
    """Before, a Notificator's second start applied its migration again and failed."""
    url = servers.create_database()
    named = "DO $$ BEGIN EXECUTE format('CREATE SCHEMA %I', current_user); END $$"
    (folder / "0002_schema.sql").write_text(named)
    assert apply_migrations(url, folder) == ["0001_create_a", "0002_schema"]
    assert apply_migrations(url, folder) == []


def test_a_database_may_follow_several_folders(servers: Servers, tmp_path: Path) -> None:
    url = servers.create_database()
    shared, own = (tmp_path / name / "migrations" for name in ("kit", "own"))
    for number, folder in enumerate((shared, own)):
        folder.mkdir(parents=True)
        (folder / f"0001_of_{number}.sql").write_text(f"CREATE TABLE t{number} (x int)")
    assert apply_all(url, (shared, own)) == ["0001_of_0", "0001_of_1"]
    (shared / "0002_more.sql").write_text("CREATE TABLE u (x int)")
    assert apply_all(url, (shared, own)) == ["0002_more"]
    assert apply_all(url, (shared, own)) == []


def test_a_failing_one_leaves_nothing_and_stops_the_rest(servers: Servers, folder: Path) -> None:
    url = servers.create_database()
    (folder / "0002_fails.sql").write_text("CREATE TABLE b (x int); SELECT nonsense;")
    (folder / "0003_after.sql").write_text("CREATE TABLE c (x int)")
    with refused(Fault.MIGRATION_FAILED):
        apply_migrations(url, folder)
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT to_regclass('b'), to_regclass('c')").fetchone()
    assert found == (None, None)
    (folder / "0002_fails.sql").write_text("CREATE TABLE b (x int)")
    assert apply_migrations(url, folder) == ["0002_fails", "0003_after"]


def test_an_edited_one_is_refused(servers: Servers, folder: Path) -> None:
    url = servers.create_database()
    apply_migrations(url, folder)
    (folder / "0001_create_a.sql").write_text(FIRST + " -- better")
    with refused(Fault.MIGRATION_EDITED):
        apply_migrations(url, folder)


def test_a_database_of_a_newer_tokend_is_refused(servers: Servers, folder: Path) -> None:
    url = servers.create_database()
    (folder / "0002_add_y.sql").write_text(SECOND)
    apply_migrations(url, folder)
    (folder / "0002_add_y.sql").unlink()
    with refused(Fault.DATABASE_NEWER):
        apply_migrations(url, folder)


def test_two_at_once_apply_each_once(servers: Servers, folder: Path) -> None:
    url = servers.create_database()
    (folder / "0002_slow.sql").write_text("SELECT pg_sleep(0.2); CREATE TABLE b (x int)")
    results: list[list[str]] = []
    threads = [
        threading.Thread(target=lambda: results.append(apply_migrations(url, folder)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, results)) == [0, 0, 0, 2]


def test_no_server_is_told() -> None:
    folder = Path(__file__).parents[1] / "sample_migrations"
    with refused(Fault.DATABASE_UNREACHABLE):
        apply_migrations("postgresql://a:b@127.0.0.1:1/a", folder)


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        ([], ""),
        (["0001_a.sql", "0003_b.sql"], "0003_b"),
        (["0001_a.sql", "0001_b.sql"], "0001_b"),
        (["0002_a.sql"], "0002_a"),
        (["1_a.sql"], "1_a.sql"),
        (["0001-Create.sql"], "0001-Create.sql"),
    ],
)
def test_names_and_numbers_are_checked(tmp_path: Path, names: list[str], wrong: str) -> None:
    for name in names:
        (tmp_path / name).write_text("SELECT 1")
    with refused(Fault.MIGRATIONS_MISNAMED) as caught:
        read_migrations(tmp_path)
    assert wrong in str(caught.value)

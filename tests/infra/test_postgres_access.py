"""Every role at every database with what one could try there, at a real server."""

import asyncio
import shutil
from collections.abc import Iterator

import psycopg
import pytest

from infra.local import launch, postgres, postgres_admin
from infra.local.place import Place
from infra.local.table import TABLE
from processors.horizon.rebuild import lock_swap, open_replay, swap
from processors.horizon.schema import LIVE, create_partition, create_schema, drop_schema
from processors.horizon.state_rows import STATE_TABLES
from tests.support.servers import make_folder

pytestmark = pytest.mark.servers

SERVER = "postgres"
SERVICES = tuple(each for each in TABLE.get_services("all") if each.database == SERVER)
ROLES = tuple(dict.fromkeys(service.database_name for service in SERVICES))
READERS = {service.database_name: read for service in SERVICES for read in service.reads}
DATABASES = (*ROLES, "postgres", "template1")
VIEWS = (
    *("progress", "ledgers", "transactions", "operations", "participants", "movements"),
    *("used_references", "rejections", "version"),
    *(table.name for table in STATE_TABLES),
)
DENIED = psycopg.errors.InsufficientPrivilege.sqlstate


def ignore(_: str) -> None:
    """Where nobody wants to know of the progress."""


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A server with the whole network's roles and databases, migrated."""
    root = make_folder()
    running = asyncio.run(launch.start_deployment(root, TABLE, "servers", ignore))
    try:
        for server in TABLE.get_servers("servers"):
            server.provide(running.place, TABLE, SERVICES, ignore)
        for owner in set(READERS.values()):
            make_views(running.place, owner)
        yield running.place
    finally:
        running.stop(ignore)
        shutil.rmtree(root, ignore_errors=True)


def make_views(place: Place, owner: str) -> None:
    """As its processor does; and a table that is no view."""
    with psycopg.connect(place.get_database_url(owner), autocommit=True) as connection:
        create_schema(connection, LIVE)
        connection.execute("CREATE TABLE public.notes (x int)")


def attempt(url: str, *statements: str) -> str | None:
    """None if all of it works, else the SQLSTATE of the refusal. Nothing of several stays."""
    try:
        with psycopg.connect(url, autocommit=len(statements) == 1) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            connection.rollback()
    except psycopg.Error as error:
        return error.sqlstate or str(error)
    return None


@pytest.mark.parametrize("role", ROLES)
def test_who_may_enter_where(place: Place, role: str) -> None:
    entered = {
        database
        for database in DATABASES
        if attempt(place.get_database_url(database, role), "SELECT 1") is None
    }
    assert entered == {role, READERS.get(role, role)}


@pytest.mark.parametrize("role", ROLES)
def test_a_database_is_its_role_s_own(place: Place, role: str) -> None:
    assert (
        attempt(
            place.get_database_url(role),
            "CREATE SCHEMA mine",
            "CREATE TABLE mine.t (x int)",
            "CREATE TEMP TABLE u (x int)",
            "INSERT INTO mine.t VALUES (1)",
            "SELECT pg_advisory_xact_lock(1)",
        )
        is None
    )


CLUSTER_WIDE = {
    "make a role": "CREATE ROLE intruder",
    "change a password": "ALTER ROLE postgres PASSWORD 'x'",
    "become the superuser": "SET ROLE postgres",
    "become another": "GRANT horizon1 TO {role}",
    "make a database": "CREATE DATABASE more",
    "see passwords": "SELECT rolpassword FROM pg_authid",
    "read a file": "SELECT pg_read_file('/etc/passwd')",
    "write a file": "COPY (SELECT 1) TO '/tmp/intruder'",
    "run a program": "COPY (SELECT 1) TO PROGRAM 'true'",
    "load a library": "LOAD 'auto_explain'",
    "change a setting": "ALTER SYSTEM SET fsync = off",
    "end another's work": "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "stop archiving": "SELECT pg_switch_wal()",
}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("what", CLUSTER_WIDE)
def test_nobody_rules_the_server(place: Place, role: str, what: str) -> None:
    statement = CLUSTER_WIDE[what].replace("{role}", role)
    if what == "end another's work":
        statement += " WHERE usename <> current_user AND usename IS NOT NULL"
    with psycopg.connect(postgres.get_superuser_url(place)):
        assert attempt(place.get_database_url(role), statement) == DENIED


def get_intrusions() -> Iterator[tuple[str, str]]:
    for table in VIEWS:
        name = f"horizon.{table}"
        yield f"insert into {table}", f"INSERT INTO {name} SELECT * FROM {name}"  # noqa: S608
        yield f"delete from {table}", f"DELETE FROM {name}"  # noqa: S608
        yield f"empty {table}", f"TRUNCATE {name}"
        yield f"lock {table}", f"BEGIN; LOCK TABLE {name}"
    yield "update progress", "UPDATE horizon.progress SET writer_epoch = 9"
    yield "drop a view", "DROP TABLE horizon.accounts"
    yield "alter a view", "ALTER TABLE horizon.accounts ADD COLUMN x int"
    yield "drop all", "DROP SCHEMA horizon CASCADE"
    yield "add to the views", "CREATE TABLE horizon.t (x int)"
    yield "add to public", "CREATE TABLE public.t (x int)"
    yield "make a schema", "CREATE SCHEMA t"
    yield "keep notes", "CREATE TEMP TABLE t (x int)"
    yield "keep a large object", "SELECT lo_create(0)"
    yield "hold up a replay", "SELECT pg_advisory_lock(1)"
    yield "see what is not a view", "SELECT * FROM public.notes"
    yield "become the owner", "SET ROLE horizon1"


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_reads_and_does_nothing_else(place: Place, reader: str) -> None:
    url = place.get_database_url(READERS[reader], reader)
    reads = [f"SELECT * FROM horizon.{table}" for table in VIEWS]  # noqa: S608
    assert attempt(url, *reads, "LISTEN horizon_ledger") is None
    assert attempt(url, "SET default_transaction_read_only = off", "SELECT 1") is None
    for what, statement in get_intrusions():
        refusal = attempt(f"{url}?options=-cdefault_transaction_read_only%3Doff", statement)
        assert refusal == DENIED, what


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_is_limited(place: Place, reader: str) -> None:
    url = place.get_database_url(READERS[reader], reader)
    with psycopg.connect(url) as connection:
        for setting, value in (
            ("default_transaction_read_only", "on"),
            ("statement_timeout", "10s"),
            ("idle_in_transaction_session_timeout", "1min"),
        ):
            assert connection.execute(f"SHOW {setting}".encode()).fetchone() == (value,)


@pytest.mark.parametrize("reader", READERS)
def test_a_reader_still_reads_after_a_replay(place: Place, reader: str) -> None:
    """The views that take the place of the old ones are his to read too, and nothing more."""
    owner = READERS[reader]
    with psycopg.connect(place.get_database_url(owner), autocommit=True) as connection:
        schema = open_replay(connection, 1)
        create_partition(connection, schema, 0)
        lock_swap(connection)
        drop_schema(connection, swap(connection, schema, is_outdated=False))
    test_a_reader_reads_and_does_nothing_else(place, reader)


def test_views_made_before_are_read_too(place: Place) -> None:
    """A deployment of an older version has views whose reader had no role yet."""
    superuser_url = postgres.get_superuser_url(place)
    postgres_admin.create_databases(superuser_url, {"late": place.get_secret("postgres.late")})
    url = place.get_database_url("horizon1", "late")
    assert attempt(url, "SELECT 1") is not None
    postgres_admin.let_read(superuser_url, "horizon1", "late")
    assert attempt(url, "SELECT * FROM horizon.ledgers") is None

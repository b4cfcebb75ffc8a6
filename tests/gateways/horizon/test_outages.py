"""A database that is read-only, changed or away for a while: 503 meanwhile, and all is well after.

Each test harms the databases of a gateway of its own module and mends them.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from schemas.strkey import encode_account_id
from tests.gateways.support import Gateway, run_gateway, wait_until
from tests.support.network import get_account, pay
from tests.support.servers import Servers

ACCOUNT = f"/v3/accounts/{encode_account_id(get_account('alice'))}"
STREAM = {"accept": "text/event-stream"}


@pytest.fixture(scope="module")
def harmed(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("harmed")
    with run_gateway(servers, folder) as running:
        yield running


@pytest.fixture(autouse=True)
def moving(harmed: Gateway) -> None:
    """The views have just moved, so that health is red for other reasons only."""
    network = harmed.world.network
    harmed.world.apply("alice", pay(network, "alice", "bob", "EUR", 1))
    wait_until(lambda: harmed.client.get("/health").status_code == 200)


@contextlib.contextmanager
def read_only(url: str) -> Iterator[None]:
    """The database as a failover leaves it: new connections reach a standby."""
    name = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:

        def switch(word: str) -> None:
            connection.execute("set default_transaction_read_only = off")
            database = sql.Identifier(name)
            statement = sql.SQL("alter database {} set default_transaction_read_only = {}")
            connection.execute(statement.format(database, sql.SQL(word)))
            connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity"
                " where datname = %s and pid <> pg_backend_pid()",
                (name,),
            )

        switch("on")
        try:
            yield
        finally:
            switch("off")


def get_failing(gateway: Gateway) -> set[str]:
    return set(gateway.client.get("/health").json()["failing_tasks"])


def has_counted(gateway: Gateway) -> bool:
    """A request more: what was counted in a window that has ended is not shared any more."""
    return gateway.stranger.get("/v3/assets").status_code == 200


def test_while_the_store_is_read_only_signed_reads_are_unavailable(harmed: Gateway) -> None:
    """Not an internal error; and what shares the rates goes on when the failover is over."""
    assert harmed.client.get(ACCOUNT).status_code == 200
    with read_only(harmed.store_url):
        for _ in range(3):
            response = harmed.client.get(ACCOUNT)
            assert response.status_code == 503
            assert response.json()["type"].endswith("#problem-store-unavailable")
        assert harmed.stranger.get("/v3/assets").status_code == 200
        wait_until(lambda: has_counted(harmed) and "share-rates" in get_failing(harmed))
        assert 'background_failing{task="share-rates"} 1.0' in harmed.client.get("/metrics").text
    wait_until(lambda: harmed.client.get(ACCOUNT).status_code == 200)
    wait_until(lambda: get_failing(harmed) == set())
    with psycopg.connect(harmed.store_url, autocommit=True) as connection:
        connection.execute("delete from gateway.rates")
        rates = "select from gateway.rates"
        wait_until(lambda: has_counted(harmed) and connection.execute(rates).rowcount > 0)


def test_columns_that_come_and_go_disturb_no_reader(harmed: Gateway) -> None:
    """Statements are prepared by then: PostgreSQL refuses them once their columns change."""
    connection = harmed.world.connection
    paths = ("/v3/assets/EUR", "/v3/assets", "/v3/ledgers/3", "/v3/ledgers", ACCOUNT)
    tables = ("assets", "ledgers", "accounts", "progress")

    def read(times: int) -> None:
        for _ in range(times):
            statuses = [harmed.client.get(path).status_code for path in paths]
            assert statuses == [200] * len(paths)

    read(30)
    for change in ("add column later int", "drop column later"):
        for table in tables:
            connection.execute(f"alter table horizon.{table} {change}")
        read(20)
        assert harmed.client.get("/ready").status_code == 200
    connection.execute("deallocate all")  # the writer is the test's own


@contextlib.contextmanager
def away(gateway: Gateway, table: str) -> Iterator[None]:
    connection = gateway.world.connection
    connection.execute(f"alter table horizon.{table} rename to away")
    try:
        yield
    finally:
        connection.execute(f"alter table horizon.away rename to {table}")


def test_a_table_that_is_away_for_a_while(harmed: Gateway) -> None:
    with away(harmed, "progress"):
        wait_until(lambda: harmed.client.get("/ready").status_code == 503)
        assert harmed.client.get("/health").status_code == 503
        wait_until(lambda: "watch-progress" in get_failing(harmed))
    wait_until(lambda: harmed.client.get("/ready").status_code == 200)
    wait_until(lambda: harmed.client.get("/health").status_code == 200)
    wait_until(lambda: get_failing(harmed) == set())


def test_connections_that_are_cut_are_made_again(harmed: Gateway) -> None:
    """As a failover cuts them: never an internal error."""
    seen = set()
    for _ in range(5):
        harmed.world.connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        for path in ("/v3/ledgers/3", "/v3/ledgers", "/v3/assets") * 3:
            seen.add(harmed.stranger.get(path).status_code)
        wait_until(lambda: harmed.stranger.get("/v3/ledgers/3").status_code == 200)
    assert seen <= {200, 503}
    wait_until(lambda: get_failing(harmed) == set())


def test_a_stream_that_cannot_begin_is_refused(harmed: Gateway) -> None:
    """503 before the stream, not an empty stream after 200. It leaves no stream counted."""
    with away(harmed, "ledgers"):
        for _ in range(25):
            response = harmed.stranger.get("/v3/ledgers", headers=STREAM)
            assert response.status_code == 503
            assert response.headers["content-type"] == "application/problem+json"
    with harmed.stranger.stream("GET", "/v3/ledgers", headers=STREAM) as response:
        assert response.status_code == 200


@pytest.mark.parametrize(
    ("accept", "media_type", "status"),
    [
        ("Text/Event-Stream", "text/event-stream", 200),
        ("text/event-stream;q=0, */*", "application/vnd.api+json", 200),
        ("application/json, text/event-stream;q=0.5", "application/vnd.api+json", 200),
        ("image/png", "application/problem+json", 406),
    ],
)
def test_the_answer_is_of_the_type_that_is_accepted(
    harmed: Gateway, accept: str, media_type: str, status: int
) -> None:
    headers = {"accept": accept}
    with harmed.stranger.stream("GET", "/v3/ledgers", headers=headers) as response:
        assert response.status_code == status
        assert response.headers["content-type"].partition(";")[0] == media_type


@pytest.mark.parametrize("limit", ["0000000250", "007", "+7", "7.0", "1e2", "201", "\u0667"])
def test_there_is_one_way_to_write_a_number(harmed: Gateway, limit: str) -> None:
    for path in (f"/v3/ledgers?page[limit]={limit}", f"/v3/ledgers/0{limit}"):
        assert harmed.stranger.get(path).status_code == 400

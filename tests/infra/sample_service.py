"""A service for the tests of the launcher: it answers HTTP, knows its database, and can misbehave.

Run as a script it is the runner of `SAMPLE_TABLE`: PROGRAM --config FILE.
"""

import http.server
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

from infra.local.kafka import KafkaServer
from infra.local.kafka_admin import Topic
from infra.local.place import Place
from infra.local.postgres import PostgresServer
from infra.local.rows import SERVERS, Program, Service, Table
from schemas.settings import DatabaseSettings, Settings, load_config

MIGRATIONS = Path(__file__).with_name("sample_migrations")


class SampleSettings(Settings, frozen=True):
    name: str
    port: int
    bootstrap_servers: str
    database: DatabaseSettings | None = None
    fails: bool = False


def run(settings: SampleSettings) -> None:
    if settings.fails:
        raise RuntimeError("the sample was told to fail")
    count = 0
    if settings.database is not None:
        with psycopg.connect(settings.database.url.reveal()) as connection:
            connection.execute("INSERT INTO starts DEFAULT VALUES")
            row = connection.execute("SELECT count(*) FROM starts").fetchone()
            count = row[0] if row else 0

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in ("/health", "/status") else 404)
            self.end_headers()
            self.wfile.write(json.dumps({"sequence": 7, "starts": count}).encode())

    sys.stderr.write(f"{settings.name} runs, TOKEND_SEED={os.environ.get('TOKEND_SEED')}\n")
    http.server.HTTPServer(("127.0.0.1", settings.port), Handler).serve_forever()


def get_settings(name: str, **extra: object) -> Any:
    def get(place: Place) -> Mapping[str, Any]:
        return {
            "name": name,
            "port": place.get_port(f"{name}.http"),
            "bootstrap_servers": place.get_address("kafka"),
            **extra,
        }

    return get


def get_settings_with_database(place: Place) -> Mapping[str, Any]:
    return {
        **get_settings("first")(place),
        "database": {"url": place.get_database_url("first")},
    }


def prepare(place: Place) -> None:
    place.get_secret_file("master.seed", lambda: "S-sample")


def describe(place: Place) -> Mapping[str, Any]:
    return {"master_seed_file": str(place.folder.secrets / "master.seed")}


def make_table(**extra: object) -> Table:
    """Two tiers of one service each; `extra` goes into the settings of the second."""
    program = "tests.infra.sample_service:"
    return Table(
        tiers=(SERVERS, "one", "two"),
        profiles={"all": (SERVERS, "one", "two"), "one": (SERVERS, "one")},
        programs={
            "sample": Program(f"{program}SampleSettings", f"{program}run", (MIGRATIONS,)),
        },
        servers=(KafkaServer("kafka"), PostgresServer("postgres")),
        services=(
            Service(
                "second",
                "two",
                "sample",
                get_settings("second", **extra),
                # Without a page what lives for a second is ready: too early to see a failure.
                health_path="/health" if extra else None,
            ),
            Service(
                "first",
                "one",
                "sample",
                get_settings_with_database,
                database="postgres",
                health_path="/health",
                status_path="/status",
            ),
        ),
        topics=(Topic("events", config={"retention.ms": "-1"}),),
        prepare=prepare,
        describe=describe,
        runner=(sys.executable, __file__),
    )


if __name__ == "__main__":
    run(load_config(SampleSettings, Path(sys.argv[3]), os.environ))

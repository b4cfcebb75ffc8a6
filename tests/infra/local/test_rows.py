"""The table holds together, and a further server or service is a row: nothing else changes."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest

from infra.containers.generate import make_compose_file
from infra.local import disks, launch, processes
from infra.local.health import get_status
from infra.local.postgres import PostgresServer
from infra.local.rows import Service, Table
from infra.local.table import TABLE
from tests.infra.sample_server import SampleServer
from tests.infra.sample_service import make_table


def ignore(_: str) -> None:
    """Progress that nobody reads."""


def get_used_servers(table: Table, service: Service) -> set[str]:
    rows = {row.name: row for row in table.services}
    named = {service.database, *(rows[read].database for read in service.reads), *service.uses}
    return {name for name in named if name is not None}


@pytest.mark.parametrize("profile", TABLE.profiles)
def test_a_profile_runs_every_server_that_its_services_use(profile: str) -> None:
    running = {server.name for server in TABLE.get_servers(profile)}
    for service in TABLE.get_services(profile):
        assert get_used_servers(TABLE, service) <= running


def test_names_and_ports_are_unique_and_tiers_known() -> None:
    names = [row.name for row in TABLE.servers] + [row.name for row in TABLE.services]
    assert len(names) == len(set(names))
    ports = [name for server in TABLE.servers for name in server.ports]
    assert len(ports) == len(set(ports))
    tiers = {row.tier for row in TABLE.servers} | {row.tier for row in TABLE.services}
    assert tiers <= set(TABLE.tiers)
    for server in TABLE.servers:
        assert next(iter(server.ports)) == server.name


def test_a_reader_s_role_is_on_the_server_it_reads() -> None:
    rows = {row.name: row for row in TABLE.services}
    for service in TABLE.services:
        assert {rows[read].database for read in service.reads} <= {service.database}


def make_larger_table() -> Table:
    """The sample's table with a server of buckets and a second PostgreSQL, each used."""
    table = make_table()
    first, second = sorted(table.services, key=lambda row: row.name)
    return dataclasses.replace(
        table,
        servers=(*table.servers, SampleServer("buckets"), PostgresServer("postgres-apart")),
        services=(
            dataclasses.replace(first, uses={"buckets": ("documents", "archive")}),
            dataclasses.replace(second, database="postgres-apart"),
        ),
    )


@pytest.mark.servers
def test_further_servers_are_rows(root: Path) -> None:
    table = make_larger_table()
    running = asyncio.run(launch.start_deployment(root, table, "all", ignore))
    try:
        place = running.place
        states = {state.name: state.tier for state in running.control.get_states()}
        assert states["buckets"] == states["postgres-apart"] == "servers"
        made = get_status(place.get_address("buckets"), "/")
        assert made == {"buckets": ["/first/documents", "/first/archive"]}
        assert (place.folder.secrets / "postgres-apart.second").exists()
        assert not (place.folder.secrets / "postgres.second").exists()
        endpoints = json.loads(place.folder.endpoints_file.read_text())
        assert endpoints["buckets"] == {"address": place.get_address("buckets")}
        watched = {disk.folder.name for disk in disks.get_disks(place, table.servers)}
        assert watched == {"kafka", "postgres", "buckets", "postgres-apart", "logs"}
    finally:
        running.stop(ignore)
    assert processes.find_processes(root) == []


def test_further_rows_are_in_the_compose_file() -> None:
    text = make_compose_file(make_larger_table())
    for name in ("buckets", "postgres-apart", "second"):
        assert f"\n  {name}:\n" in text
    assert '"${DATA}/services/buckets:/run/secrets:ro", "buckets:/data"' in text
    assert 'depends_on: ["kafka", "postgres", "buckets", "postgres-apart"]' in text

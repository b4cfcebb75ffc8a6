"""Every service's database in a backup, and back."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psycopg

from infra.local import databases
from infra.local.environment import make_environment
from infra.local.errors import LocalError
from infra.local.place import Place
from infra.local.rows import Report, Service, Table

LINES = 5


def dump_databases(
    place: Place, table: Table, binaries: Path, server: str, folder: Path, report: Report
) -> None:
    """Of the services that run. The tiers that start last come first: what follows a node is then
    not ahead of it."""
    running = table.get_services(place.state.profile)
    for service in _get_rows(running, table, server)[::-1]:
        name = service.database_name
        _run(place, service, binaries / "pg_dump", "-Fc", f"--file={folder / name}.dump")
        report(f"saved database {name}")


def restore_databases(
    place: Place,
    table: Table,
    binaries: Path,
    server: str,
    superuser_url: str,
    folder: Path,
    report: Report,
) -> None:
    """Into databases that are new. Roles and rights come from the rows, not from the backup."""
    services = _get_rows(table.services, table, server)
    databases.create_databases(place, superuser_url, services)
    for service in services:
        name = service.database_name
        dump = folder / f"{name}.dump"
        if not dump.exists():
            continue  # the service is newer than the backup: it begins with nothing
        _run(place, service, binaries / "pg_restore", "--no-owner", "--no-privileges", str(dump))
        after = table.programs[service.program].after_restore
        if after:
            url = place.get_database_url(name, server=server)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(after.encode())
        report(f"restored database {name}")


def _get_rows(services: Sequence[Service], table: Table, server: str) -> list[Service]:
    """One service for each database, by tier."""
    rows = {each.database_name: each for each in services if each.database == server}
    return sorted(rows.values(), key=lambda each: table.tiers.index(each.tier))


def _run(place: Place, service: Service, program: Path, *options: str) -> None:
    """As the database's owner. The password stands in no command line."""
    server = service.database or ""
    host, _, port = place.get_address(server).partition(":")
    environment = {
        **make_environment(os.environ),
        "PGHOST": host,
        "PGPORT": port,
        "PGUSER": service.database_name,
        "PGPASSWORD": place.get_secret(f"{server}.{service.database_name}"),
    }
    command = [str(program), "--dbname", service.database_name, *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        lines = tuple(done.stderr.strip().splitlines()[-LINES:])
        raise LocalError(f"{program.name} of database {service.database_name} failed", lines)

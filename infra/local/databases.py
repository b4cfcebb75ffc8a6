"""What rows of services ask of a PostgreSQL server: roles, databases, read access, tables."""

from collections.abc import Sequence

from infra.local import migrations, postgres_admin
from infra.local.place import Place
from infra.local.rows import Report, Service, Table


def create_databases(place: Place, superuser_url: str, services: Sequence[Service]) -> None:
    """One database and role for each of `services`, and read access to the databases they read.

    `services`: those with a database on one server, whose superuser's URL is `superuser_url`.
    """
    passwords = {
        each.database_name: place.get_secret(f"{each.database}.{each.database_name}")
        for each in services
    }
    postgres_admin.create_databases(superuser_url, passwords)
    for service in services:
        for read in service.reads:
            postgres_admin.let_read(superuser_url, read, service.database_name)


def migrate_databases(
    place: Place, table: Table, services: Sequence[Service], report: Report
) -> None:
    """Runs the migrations of every service that has a database, once for one that is shared."""
    by_name = {service.database_name: service for service in services}
    for service in by_name.values():
        folders = table.programs[service.program].migrations
        if service.database is None:
            continue
        url = place.get_database_url(service.database_name, server=service.database)
        for name in migrations.apply_all(url, folders):
            report(f"database {service.database_name}: applied {name}")

"""The administrator's job in containers: topics, users, roles, databases, migrations.

It runs once at every start, within the containers' network, sees all secrets, and ends. The others
wait for it.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from infra.containers.place import ContainerPlace
from infra.local import kafka, kafka_admin, launch, postgres
from infra.local.errors import LocalError
from infra.local.folders import DataFolder
from infra.local.services import Table

READY_S = 120.0
Report = Callable[[str], None]


def administer(root: Path, table: Table, report: Report) -> None:
    """`root`: what `prepare` wrote. Again is harmless. Raises LocalError."""
    place = ContainerPlace(DataFolder(root))
    administrator = kafka.get_administrator(place)
    _wait("Kafka", lambda: kafka_admin.is_ready(administrator, 2.0))
    roles = table.get_roles()
    logins = [place.get_kafka_login(user) for user in roles]
    kafka_admin.prepare(administrator, table.topics, roles, logins)
    report("Kafka is prepared")
    _wait("PostgreSQL", lambda: asyncio.run(postgres.is_ready(place)))
    services = table.get_services("all")
    launch.create_databases(place, services)
    launch.migrate_databases(place, table, services, report)
    report("PostgreSQL is prepared")


def _wait(name: str, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not is_ready():
        if time.monotonic() > deadline:
            raise LocalError(f"{name} was not ready after {READY_S:.0f} s: see its log")
        time.sleep(0.5)

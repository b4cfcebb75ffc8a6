"""The administrator's job in containers: topics, users, roles, databases, migrations.

It runs once at every start in the containers' network, sees all secrets, and ends. The services
wait for it.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from infra.containers.place import ContainerPlace
from infra.local.errors import LocalError
from infra.local.folders import DataFolder
from infra.local.rows import Report, Table

READY_S = 300.0


def administer(root: Path, table: Table, report: Report) -> None:
    """`root`: what `prepare` wrote. May be repeated. Raises LocalError."""
    place = ContainerPlace(DataFolder(root), table)
    services = table.get_services("all")
    for server in table.get_servers("all"):
        _wait(server.title, lambda: asyncio.run(server.is_ready(place)))  # noqa: B023
        server.provide(place, table, services, report)
        report(f"{server.title} is prepared")


def _wait(name: str, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_S
    while not is_ready():
        if time.monotonic() > deadline:
            raise LocalError(f"{name} was not ready after {READY_S:.0f} s: see its log")
        time.sleep(0.5)

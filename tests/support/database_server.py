"""A PostgreSQL server alone, set as a test likes, for tests of what its settings do."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local import postgres, processes
from infra.local.accounts import get_server_account
from infra.local.folders import DataFolder
from infra.local.place import Place
from infra.local.postgres import Installation
from tests.support.servers import make_folder


@contextmanager
def make_place() -> Iterator[Place]:
    """A data folder for a server; nothing is left of it afterwards."""
    folder = DataFolder(make_folder())
    folder.make(is_shared=os.geteuid() == 0)
    try:
        yield Place(folder)
    finally:
        processes.end_processes(folder.root)
        shutil.rmtree(folder.root)


@contextmanager
def run_postgres(place: Place, installation: Installation, **settings: str) -> Iterator[None]:
    """A new cluster, served for the time of the context. `settings` go before tokend's own."""
    account = get_server_account()
    folder = postgres.choose_folder(place, account)
    reachable = postgres.make_reachable(installation, folder, account)
    password = place.get_secret(f"postgres.{postgres.SUPERUSER}")
    asyncio.run(postgres.make_cluster(reachable, folder, password, account))
    command = [
        *postgres.get_command(reachable, folder, place.get_port("postgres"), account),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]
    with subprocess.Popen(command, cwd="/", stderr=subprocess.DEVNULL) as server:
        try:
            assert processes.wait_until(lambda: asyncio.run(postgres.is_ready(place)), 30)
            yield
        finally:
            server.send_signal(signal.SIGINT)

"""Deployments for tests and measurements: of any table, and of one validator."""

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local import launch, network
from infra.local.place import Place
from infra.local.rows import Service, Table
from infra.local.table import TABLE
from tests.support.servers import make_folder


@contextmanager
def start_deployment(table: Table, profile: str) -> Iterator[launch.RunningDeployment]:
    """A deployment of its own for the time of the context; nothing is left of it afterwards."""
    root = make_folder()
    lines: list[str] = []
    try:
        running = asyncio.run(launch.start_deployment(root, table, profile, lines.append))
        try:
            yield running
        finally:
            running.stop(lines.append)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def make_one_node_table() -> Table:
    """The table of the deployment, with a genesis that names core1 alone."""
    (row,) = (each for each in TABLE.services if each.name == "core1")

    def prepare(place: Place) -> None:
        network.prepare(place)
        genesis = json.loads(network.get_genesis_file(place).read_bytes())
        validators = genesis["quorum_set"]["validators"][:1]
        genesis["quorum_set"] = {"threshold": 1, "validators": validators}
        _get_genesis_file(place).write_text(json.dumps(genesis))

    return dataclasses.replace(TABLE, services=(_make_alone(row),), prepare=prepare)


def _make_alone(row: Service) -> Service:
    def get_settings(place: Place) -> Mapping[str, Any]:
        settings = row.get_settings(place)
        overlay = {**settings["overlay"], "peers": []}
        return {**settings, "genesis_file": str(_get_genesis_file(place)), "overlay": overlay}

    return dataclasses.replace(row, get_settings=get_settings)


def _get_genesis_file(place: Place) -> Path:
    return place.folder.config / "genesis-of-one.json"

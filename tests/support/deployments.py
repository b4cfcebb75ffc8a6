"""Deployments for tests and measurements: of any table, and of one validator."""

import asyncio
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local import launch, network, psim
from infra.local.chains import CHAINS
from infra.local.place import Place
from infra.local.rows import SERVERS, Service, Table
from infra.local.table import TABLE
from schemas.topics import get_ledgers_topic
from tests.support.servers import make_folder

BORDER = "border"


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


def make_border_table() -> Table:
    """One node, one Horizon pair, the test chains, and three instances of PSIM for these alone."""
    alone = make_one_node_table()
    names = ("horizon1", "gateway1", *psim.PSIMS)
    rows = [_follow_one(each) for each in TABLE.services if each.name in names]
    tiers = (SERVERS, CHAINS, network.CORE, network.HORIZON, network.GATEWAYS, psim.PSIM)
    return dataclasses.replace(
        alone,
        tiers=tiers,
        starts_with={},
        profiles={BORDER: tiers},
        services=(*alone.services, *rows),
        arrange={psim.PSIM: "infra.local.custody:arrange"},
    )


def _follow_one(row: Service) -> Service:
    core = network.CORES[0]
    topic, bucket = get_ledgers_topic(core), network.get_history_bucket(core)

    def get_settings(place: Place) -> Mapping[str, Any]:
        settings = {**row.get_settings(place), "genesis_file": str(_get_genesis_file(place))}
        if "ledgers_topic" in settings:
            settings |= {"ledgers_topic": topic, "peer_topics": []}
            settings["archives"] = [place.get_bucket_settings(row.name, bucket)]
        if row.program == "psim":
            settings |= {"services": ["deposit", "withdraw", "funnel", "reserves"]}
            settings |= {"banks": [], "rates": None}
        return settings

    reads_from = {"s3": (bucket,)} if row.reads_from else {}
    return dataclasses.replace(row, get_settings=get_settings, reads_from=reads_from)


def _make_alone(row: Service) -> Service:
    def get_settings(place: Place) -> Mapping[str, Any]:
        settings = row.get_settings(place)
        overlay = {**settings["overlay"], "peers": []}
        return {**settings, "genesis_file": str(_get_genesis_file(place)), "overlay": overlay}

    return dataclasses.replace(row, get_settings=get_settings)


def _get_genesis_file(place: Place) -> Path:
    return place.folder.config / "genesis-of-one.json"

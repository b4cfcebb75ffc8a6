"""The history of a network of real processes: archived by itself, and enough to come back from."""

import asyncio
import contextlib
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local import launch, network, processes
from infra.local.place import Place
from infra.local.rows import Service
from infra.local.table import TABLE
from schemas.codec import decode
from schemas.generated.ledger import LedgerHeader
from tests.support.canary import Canaries
from tests.support.servers import make_folder
from tests.support.whole_deployment import WholeDeployment, make_table

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]

KEEP = 30
SNAPSHOT_LEDGERS = 64
ARCHIVED_S = 240.0
BACK_S = 120.0  # on a slow machine with other things to do


def prepare(place: Place) -> None:
    """A network with a quick heartbeat, so that checkpoints come soon."""
    network.prepare(place)
    file = network.get_genesis_file(place)
    genesis = json.loads(file.read_text())
    genesis["settings"] = {"heartbeat_ms": "200", "minimum_interval_ms": "100"}
    file.write_text(json.dumps(genesis))


def keep_little(row: Service) -> Service:
    """The same service; a node's keeps few ledgers in its database."""
    if row.program != "core":
        return row

    def get_settings(place: Place) -> Mapping[str, Any]:
        settings = dict(row.get_settings(place))
        archive = {**settings["archive"], "keep": KEEP, "snapshot_ledgers": SNAPSHOT_LEDGERS}
        return {**settings, "archive": archive}

    return dataclasses.replace(row, get_settings=get_settings)


def make_quick_table() -> Any:
    services = tuple(keep_little(row) for row in TABLE.services)
    return dataclasses.replace(make_table(), prepare=prepare, services=services)


def start(root: Path) -> WholeDeployment:
    lines: list[str] = []
    table = make_quick_table()
    return WholeDeployment(asyncio.run(launch.start_deployment(root, table, "core", lines.append)))


@pytest.fixture(scope="module")
def deployment() -> Iterator[WholeDeployment]:
    root = make_folder()
    try:
        started = start(root)
        try:
            yield started
        finally:
            if processes.find_processes(root):  # the last test has stopped it
                started.running.stop(lambda _: None)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def run_tokend(*arguments: str) -> dict[str, Any]:
    """What the verb answers."""
    command = [str(Path(sys.executable).with_name("tokend")), *arguments, "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def run_verb(deployment: WholeDeployment, *arguments: str) -> dict[str, Any]:
    found = run_tokend(*arguments, "--data", str(deployment.running.place.folder.root))
    assert "error" not in found, found
    return found


def get_status(deployment: WholeDeployment, core: str) -> dict[str, Any]:
    return deployment.get_statuses()[core] or {}


def wait_until_archived(deployment: WholeDeployment, core: str, sequence: int) -> None:
    def is_archived() -> bool:
        return bool(get_status(deployment, core).get("archived", 0) >= sequence)

    assert processes.wait_until(is_archived, ARCHIVED_S), deployment.get_statuses()


def read_topic(deployment: WholeDeployment, core: str, last: int) -> list[tuple[bytes, bytes]]:
    """Headers and bodies on a node's topic, up to ledger `last`, each once."""
    from processors.ledger_feed.follow import decode_record
    from processors.ledger_feed.topic import open_topic

    found: dict[int, tuple[bytes, bytes]] = {}
    login = deployment.running.place.get_kafka_login("users")
    with open_topic(login, f"{core}.ledgers") as reader:
        offset, end = reader.get_range()
        while offset < end and last not in found:
            for message in reader.read(offset, min(100, end - offset)):
                offset = message.offset + 1
                record = decode_record(message.value)
                sequence = decode(LedgerHeader, record.header).sequence
                assert sequence == max(found, default=0) + 1 or sequence in found
                found[sequence] = (record.header, record.body)
    return [found[sequence] for sequence in range(1, last + 1)]


def get_kept(deployment: WholeDeployment, core: str) -> list[int]:
    url = deployment.running.place.get_database_url(core)
    with psycopg.connect(url, autocommit=True) as connection:
        return [row[0] for row in connection.execute("SELECT sequence FROM ledgers ORDER BY 1")]


def test_the_network_s_history_is_archived_and_leaves_the_databases(
    deployment: WholeDeployment,
) -> None:
    for core in network.CORES:
        wait_until_archived(deployment, core, 128)
    assert run_verb(deployment, "archive", "ls")["newest"] >= 128
    verified = run_verb(deployment, "archive", "verify", "--node", "core2")
    assert verified["ledgers"] >= 128
    assert verified["snapshot"] is not None
    kept = get_kept(deployment, "core1")
    assert kept[0] == 1
    assert kept[1] > 64
    with contextlib.suppress(IndexError):
        assert kept[1] <= kept[-1] - KEEP


def test_a_wiped_node_comes_back_by_itself(deployment: WholeDeployment) -> None:
    deployment.stop("core4")
    before = get_status(deployment, "core1")["sequence"]
    deployment.wipe("core4")
    began = time.monotonic()
    deployment.start("core4")
    assert processes.wait_until(lambda: deployment.is_back("core4", before), BACK_S)
    kept = get_kept(deployment, "core4")
    assert kept[0] == 1
    assert kept[1] > 64, "it has begun by a snapshot"
    print(f"a wiped node is level after {time.monotonic() - began:.1f} s")  # noqa: T201


def test_a_node_that_was_away_for_longer_than_its_peers_keep_reads_archives(
    deployment: WholeDeployment,
) -> None:
    """It has ledgers, and its peers have none of those that follow: it closes them again."""
    deployment.stop("core3")
    last = max(get_kept(deployment, "core3"))
    wait_until_archived(deployment, "core1", last + 64)
    assert processes.wait_until(lambda: get_kept(deployment, "core1")[1] > last + 1, ARCHIVED_S)
    deployment.start("core3")
    sequence = get_status(deployment, "core1")["sequence"]
    assert processes.wait_until(lambda: deployment.is_back("core3", sequence), BACK_S)


def test_a_lost_topic_is_published_again(deployment: WholeDeployment) -> None:
    before = read_topic(deployment, "core2", 100)
    published = run_verb(deployment, "republish", "--node", "core2", "--yes")["published"]
    assert published > 128
    assert read_topic(deployment, "core2", 100) == before
    assert read_topic(deployment, "core2", published) == read_topic(deployment, "core1", published)


@pytest.mark.parametrize("mode", ["recent", "complete"])
def test_a_stopped_node_is_brought_up_by_a_verb(deployment: WholeDeployment, mode: str) -> None:
    deployment.stop("core4")
    deployment.wipe("core4")
    found = run_verb(deployment, "catchup", "--node", "core4", "--mode", mode, "--ledgers", "70")
    assert found["sequence"] >= 128
    assert (found["snapshot"] is None) == (mode == "complete")
    if mode == "recent":
        assert found["snapshot"] <= found["sequence"] - 70
    again = run_verb(deployment, "catchup", "--node", "core4", "--mode", "complete")
    assert again["from"] == found["sequence"]
    deployment.start("core4")
    assert processes.wait_until(lambda: deployment.is_back("core4", again["sequence"]), BACK_S)


def test_a_deployment_comes_back_from_a_backup(deployment: WholeDeployment) -> None:
    """All of it is gone, and no ledger that was published before the backup is lost."""
    wait_until_archived(deployment, "core1", 64)
    before = {core: get_status(deployment, core)["published"] for core in network.CORES}
    place = deployment.running.place
    work = make_folder()
    to, keys, root = work / "backup", work / "keys", make_folder()
    try:
        run_verb(deployment, "backup", "--to", str(to), "--keys", str(keys))
        known = {core: read_topic(deployment, core, before[core]) for core in network.CORES}
        deployment.running.stop(lambda _: None)
        secrets = Canaries.read(place.folder.secrets)
        assert all(not secrets.find(file.read_bytes()) for file in to.rglob("*") if file.is_file())
        shutil.rmtree(place.folder.root)
        told = run_tokend("restore", "--from", str(to), "--keys", str(keys), "--data", str(root))
        assert "error" not in told, told
        restored = start(root)
        try:
            assert restored.wait_until_level() >= max(before.values())
            found = {core: read_topic(restored, core, before[core]) for core in network.CORES}
            assert found == known
            assert run_verb(restored, "archive", "verify")["ledgers"] >= 64
        finally:
            restored.running.stop(lambda _: None)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        shutil.rmtree(root, ignore_errors=True)


def test_a_backup_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    root, keys, backup = (tmp_path / name for name in ("root", "keys", "backup"))
    for folder in (keys, backup):
        folder.mkdir()
    file = backup / "core1.dump"
    file.write_bytes(b"saved")
    refused = run_tokend("restore", "--from", str(backup), "--keys", str(keys), "--data", str(root))
    assert refused["code"] == "backup-damaged"
    files = {"core1.dump": "0" * 64}
    (backup / "backup.json").write_text(
        json.dumps({"format": 1, "profile": "core", "files": files})
    )
    refused = run_tokend("restore", "--from", str(backup), "--keys", str(keys), "--data", str(root))
    assert refused["code"] == "backup-damaged"
    assert not root.exists()

"""What the archive does on this machine: writing a checkpoint, and coming back from it, also from
the snapshot of a large state.

Ledgers of payments are made and committed to a real database; the worker's own code writes them to
the embedded S3 server; then another, empty database gets them all back, verified and closed again.
"""

import gc
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from infra.local import postgres, postgres_admin
from infra.local.place import Place
from infra.local.seaweedfs import get_bucket
from infra.local.table import TABLE
from schemas.settings import BucketSettings, Secret
from streams.archive.archive import Archive
from streams.archive.history import History
from streams.archive.layout import CHECKPOINT_LEDGERS
from streams.node import rejoin
from tests.bench.figures import Calibration, Figure, judge, tell
from tests.bench.state import LARGE, copy_entries, fill_ledger
from tests.streams.node.archiving import ArchivedNode
from tests.support.deployments import start_deployment
from tests.support.network import make_economy, pay

CHECKPOINTS, PAYMENTS = 2, 500
CATCHUP_TPS, PUBLISH_MS, MINIMAL_S = 5_000, 2_000, 120  # the bars


def measure_archive(calibration: Calibration) -> list[Figure]:
    with _start_servers() as (place, folder, bucket):
        source = _make_node(place, "source", folder, bucket)
        _fill(source)
        source.publish()
        publish_ms = statistics.median(event["ms"] for event in source.get_events("archived"))
        calibration.measure()
        tps = _catch_up(_make_node(place, "comer", folder, bucket), bucket)
        source.close_all()
    tell(f"a checkpoint of {CHECKPOINT_LEDGERS * PAYMENTS} payments: {publish_ms:.0f} ms")
    tell(f"from an archive, verified and closed again: {tps:.0f} payments/s")
    return [
        calibration.judge_rate("catchup_tps", tps, "payments/s"),
        judge("archive_publish_ms", publish_ms, "ms", PUBLISH_MS),
    ]


def measure_minimal() -> list[Figure]:
    """A node that begins with nothing takes the snapshot of a million accounts."""
    with _start_servers() as (place, folder, bucket):
        source = _make_node(place, "source", folder, bucket)
        ledger = source.network.ledger
        fill_ledger(source.network, LARGE)
        with psycopg.connect(source.url) as connection:
            connection.execute("TRUNCATE entries")
            copy_entries(ledger, connection)
        source.close(CHECKPOINT_LEDGERS - 1)
        source.publish(snapshot_ledgers=CHECKPOINT_LEDGERS // 2)
        (written,) = source.get_events("snapshot")
        source.close_all()
        ledger.state.encoded.clear()
        gc.collect()
        comer = _make_node(place, "comer", folder, bucket)
        history = History([Archive(bucket)], comer.opened.position)
        began = time.perf_counter()
        installed = rejoin.install_snapshot(comer.store, history, CHECKPOINT_LEDGERS)
        passed = time.perf_counter() - began
        history.close()
        comer.close_all()
    if installed is None or installed.header.sequence != written["sequence"]:
        raise RuntimeError(f"the snapshot was not taken: {written}")
    tell(f"a snapshot of a million accounts: {written['bytes']:,} bytes, taken in {passed:.0f} s")
    return [judge("minimal_1m_s", passed, "s", MINIMAL_S)]


@contextmanager
def _start_servers() -> Iterator[tuple[Place, Path, BucketSettings]]:
    """What nodes need, with a folder and a bucket for these."""
    with start_deployment(TABLE, "servers") as running, tempfile.TemporaryDirectory() as folder:
        place = running.place
        for server in TABLE.get_servers("core"):
            server.provide(place, TABLE, TABLE.get_services("core"), lambda _: None)
        yield place, Path(folder), _get_bucket(place)


def _get_bucket(place: Place) -> BucketSettings:
    settings = place.get_bucket_settings("core1", get_bucket("core1", "history"))
    return BucketSettings(
        url=settings["url"],
        bucket=settings["bucket"],
        access_key=settings["access_key"],
        secret_key=Secret(place.get_secret("s3.core1")),
    )


def _make_node(place: Place, name: str, folder: Path, bucket: BucketSettings) -> ArchivedNode:
    password = place.get_secret(f"postgres.{name}")
    postgres_admin.create_databases(postgres.get_superuser_url(place), {name: password})
    home = folder / name
    home.mkdir()
    return ArchivedNode(place.get_database_url(name), home, bucket)


def _fill(node: ArchivedNode) -> None:
    """Two checkpoints of ledgers with payments; the economy's own ledgers come first."""
    economy = make_economy(("alice", "bob"))
    node.follow(economy)
    while economy.ledger.header.sequence < CHECKPOINTS * CHECKPOINT_LEDGERS:
        payments = [
            economy.prepare("alice", pay(economy, "alice", "bob", "EUR", 1))
            for _ in range(PAYMENTS)
        ]
        node.commit(economy.close(*payments))


def _catch_up(node: ArchivedNode, bucket: BucketSettings) -> float:
    history = History([Archive(bucket)], node.opened.position)
    began = time.perf_counter()
    last = CHECKPOINTS * CHECKPOINT_LEDGERS
    rejoin.replay(node.store, node.opened.ledger, history, last)
    passed = time.perf_counter() - began
    history.close()
    node.close_all()
    return (last - 10) * PAYMENTS / passed

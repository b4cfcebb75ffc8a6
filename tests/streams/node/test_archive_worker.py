"""A node's history goes to its archive, whatever is killed or away, and can be read there."""

import dataclasses
import json
import subprocess
import sys
import threading
from collections.abc import Callable

import psycopg
import pytest
from msgspec.structs import replace

from schemas.generated.common import Hash
from schemas.settings import CRASH_VARIABLE, Secret, dump_settings
from streams.archive.bucket import ArchiveRefused
from streams.archive.checkpoint import DamagedArchive, read_ledgers
from streams.archive.history import History, HistoryUnavailable
from streams.archive.layout import CHECKPOINTS, OBJECTS
from streams.archive.snapshot import make_ledger, read_snapshot
from streams.kill_points import ARCHIVE_LABELS
from tests.streams.node.archiving import ArchivedNode
from tests.support.object_store import ObjectStore


def test_every_64_ledgers_are_a_checkpoint(node: ArchivedNode, object_store: ObjectStore) -> None:
    node.close(63 + 64 + 10, transactions=3)
    node.publish()
    archive = node.open_archive()
    assert [each.sequence for each in archive.find_checkpoints(1)] == [128, 64]
    newest = archive.find_newest_checkpoint()
    assert newest is not None
    assert newest.sequence == 128
    found = list(archive.read_ledgers(1))
    assert [each.record for each in found] == node.network.records[:128]
    assert [each.sequence for each in archive.read_ledgers(60, 70)] == list(range(60, 71))
    assert node.open().source.get_state().archived == 128
    names = {key.partition("/")[0] for key in object_store.list_keys(node.bucket)}
    assert names == {"checkpoints", "objects"}


def test_again_nothing_is_written(node: ArchivedNode, object_store: ObjectStore) -> None:
    node.close(63)
    node.publish()
    before = object_store.list_keys(node.bucket)
    with psycopg.connect(node.url, autocommit=True) as connection:
        connection.execute("UPDATE archive SET archived = 0")
    publication = node.open()
    assert publication.publish_next()
    assert object_store.list_keys(node.bucket) == before


def test_a_snapshot_is_the_ledger_after_its_header(node: ArchivedNode) -> None:
    node.close(70, transactions=20)
    node.publish(snapshot_ledgers=50)
    (event,) = node.get_events("snapshot")
    archive = node.open_archive()
    (name,) = archive.find_snapshots()
    assert name.sequence == event["sequence"] == 71
    snapshot = archive.open_snapshot(name)
    ledger = node.network.ledger
    rows = read_snapshot(snapshot, archive.read)
    made = make_ledger(rows, ledger.header, snapshot.header_hash)
    assert made.state.encoded == ledger.state.encoded
    assert made.header_hash == ledger.header_hash
    node.close(1, transactions=1)
    with pytest.raises(DamagedArchive, match="another state"):
        make_ledger(
            read_snapshot(snapshot, archive.read), node.network.ledger.header, snapshot.header_hash
        )


def test_archived_ledgers_leave_the_database_but_for_the_newest(node: ArchivedNode) -> None:
    node.close(63 + 64 + 10)
    node.publish(keep=20)
    with psycopg.connect(node.url) as connection:
        kept = [row[0] for row in connection.execute("SELECT sequence FROM ledgers ORDER BY 1")]
    assert kept == [1, *range(119, 139)]
    node.close(64)
    node.publish(keep=5)
    state = node.open().source.get_state()
    assert (state.archived, state.oldest) == (192, 193)  # what is not archived stays
    found = list(node.open_archive().read_ledgers(1))
    assert [each.record for each in found] == node.network.records[:192]


@pytest.mark.parametrize("label", ARCHIVE_LABELS)
def test_a_worker_may_die_anywhere(
    node: ArchivedNode, object_store: ObjectStore, label: str
) -> None:
    node.close(63)
    settings = dump_settings(node.get_settings())
    command = [sys.executable, "-m", "streams.node.archive_worker"]
    killed = subprocess.run(
        command, input=settings, env={CRASH_VARIABLE: label}, capture_output=True, check=False
    )
    assert killed.returncode == -9
    has_manifest = bool(object_store.list_keys(node.bucket, CHECKPOINTS))
    assert has_manifest == (label == "after-manifest")
    assert node.open().source.get_state().archived == 0
    node.publish()
    found = list(node.open_archive().read_ledgers(1))
    assert [each.record for each in found] == node.network.records
    assert len(object_store.list_keys(node.bucket, CHECKPOINTS)) == 1
    assert len(object_store.list_keys(node.bucket, OBJECTS)) == 3


def test_an_archive_that_is_away_is_waited_for(
    node: ArchivedNode, object_store: ObjectStore
) -> None:
    node.close(63)
    object_store.stop()
    try:
        worker = subprocess.Popen(
            [sys.executable, "-m", "streams.node.archive_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(dump_settings(node.get_settings()))
        worker.stdin.close()
        events = (json.loads(line) for line in worker.stdout)
        assert next(events) == {"event": "begun", "archived": 0}
        failed = next(events)
        assert failed["event"] == "failed"
        assert node.bucket.url in failed["reason"]
        node.close(64)
    finally:
        object_store.start()
    kill = threading.Timer(60, worker.kill)
    kill.start()
    archived = next(each for each in events if each.get("archived") == 128)
    kill.cancel()
    worker.kill()
    worker.wait()
    worker.stdout.close()
    assert archived["event"] == "archived"
    assert len(list(node.open_archive().read_ledgers(1))) == 128


def test_a_lost_archive_is_written_again(node: ArchivedNode, object_store: ObjectStore) -> None:
    node.close(63)
    node.publish()
    node.bucket = object_store.create_bucket("history")
    node.publish()
    assert len(list(node.open_archive().read_ledgers(1))) == 64


def test_what_the_database_lacks_comes_from_the_archives_of_others(
    node: ArchivedNode, object_store: ObjectStore
) -> None:
    node.close(63 + 64)
    node.publish(keep=10)
    other = node.bucket
    node.bucket = object_store.create_bucket("history")
    publication = node.open()
    publication.begin()
    with pytest.raises(HistoryUnavailable):
        publication.publish_next()
    node.publish((other,))
    found = list(node.open_archive().read_ledgers(1))
    assert [each.record for each in found] == node.network.records


def test_history_is_read_around_an_archive_that_lies(
    make_node: Callable[[], ArchivedNode], object_store: ObjectStore
) -> None:
    liar, node = make_node(), make_node()
    liar.close(63, transactions=1)
    node.close(63, transactions=2)
    for each in (liar, node):
        each.publish()
    # Both are of one network with one set of validators, so that both are true until ledger 63.
    archives = [liar.open_archive(), node.open_archive()]
    key = object_store.list_keys(liar.bucket, OBJECTS)[0]
    object_store.client.put_object(Bucket=liar.bucket.bucket, Key=key, Body=b"not what it was")
    history = History(archives, node.opened.position)
    found = [each.record for each in history.read_on(64)]
    assert found == node.network.records[1:]
    assert History(archives, node.opened.position).follow(64) == history.position
    (name,) = archives[0].find_checkpoints(1)
    with pytest.raises(DamagedArchive):
        list(read_ledgers(archives[0].open_checkpoint(name), archives[0].read))


def test_two_manifests_of_one_checkpoint_are_as_good_as_one(node: ArchivedNode) -> None:
    """As after a restored database whose certificates differ."""
    node.close(63 + 64)
    node.publish()
    archive = node.open_archive()
    for name in archive.find_checkpoints(1):
        manifest = archive.open_checkpoint(name)
        archive.write_checkpoint(replace(manifest, objects=manifest.objects[::-1]))
    assert [each.sequence for each in archive.find_checkpoints(1)] == [128, 128, 64, 64]
    assert [each.sequence for each in archive.read_ledgers(1)] == list(range(1, 129))
    history = History([archive], node.opened.position)
    assert history.follow(128).header_hash == node.get_header_hash(128)


def test_the_archive_of_another_network_is_not_written_to(
    node: ArchivedNode, object_store: ObjectStore
) -> None:
    node.close(63)
    node.publish()
    before = object_store.list_keys(node.bucket)
    publication = node.open()
    publication.genesis = dataclasses.replace(publication.genesis, network_id=Hash(bytes(32)))
    with pytest.raises(DamagedArchive, match="another network"):
        publication.begin()
    assert object_store.list_keys(node.bucket) == before


def test_a_false_key_is_said_to_be_one(node: ArchivedNode) -> None:
    node.bucket = replace(node.bucket, secret_key=Secret("guessed"))
    archive = node.open_archive()
    with pytest.raises(ArchiveRefused) as refused:
        archive.find_newest_checkpoint()
    assert "guessed" not in str(refused.value)

"""A node comes back from archives, by a snapshot or by all ledgers; what is false is refused."""

import asyncio
from collections.abc import Callable

import psycopg
import pytest

from streams.archive.history import History, HistoryUnavailable
from streams.archive.layout import OBJECTS, SNAPSHOTS
from streams.ledger.close import Ledger
from streams.node import rejoin
from streams.node.config import ArchiveSettings
from streams.node.past_ledgers import PastLedgers
from streams.node.store import Store
from streams.node.store_thread import StoreThread
from tests.streams.node.archiving import ArchivedNode
from tests.support.network import get_account
from tests.support.object_store import ObjectStore

Make = Callable[[], ArchivedNode]


@pytest.fixture(scope="module")
def source(make_node: Make) -> ArchivedNode:
    """A node with 138 ledgers, of which 128 are archived, and a snapshot of ledger 71."""
    node = make_node()
    node.close(70, transactions=20)
    node.publish(snapshot_ledgers=50)
    node.close(67, transactions=3)
    node.publish(snapshot_ledgers=10_000)
    return node


def open_history(comer: ArchivedNode, *sources: ArchivedNode) -> History:
    archives = [each.open_archive() for each in sources]
    return History(archives, comer.opened.position)


def rejoin_by(comer: ArchivedNode, history: History, last: int, *, is_minimal: bool) -> Ledger:
    ledger = comer.opened.ledger
    if is_minimal:
        ledger = rejoin.install_snapshot(comer.store, history, last) or ledger
    return rejoin.replay(comer.store, ledger, history, last)


def get_sequences(node: ArchivedNode) -> list[int]:
    with psycopg.connect(node.url) as connection:
        return [row[0] for row in connection.execute("SELECT sequence FROM ledgers ORDER BY 1")]


@pytest.mark.parametrize("is_minimal", [True, False])
def test_an_empty_node_has_the_same_ledger_again(
    source: ArchivedNode, make_node: Make, is_minimal: bool
) -> None:
    comer = make_node()
    ledger = rejoin_by(comer, open_history(comer, source), 128, is_minimal=is_minimal)
    assert ledger.header_hash == source.get_header_hash(128)
    assert get_sequences(comer) == [1, *range(71 if is_minimal else 2, 129)]
    reopened = Store(comer.url)
    comer.stack.callback(reopened.close)
    loaded = reopened.load_ledger()
    assert loaded.header_hash == ledger.header_hash
    assert loaded.state.encoded == ledger.state.encoded
    assert loaded.window.compute_root() == ledger.window.compute_root()
    assert reopened.load_genesis_hash() == comer.opened.closed.header_hash


def test_it_goes_on_where_it_was_stopped(source: ArchivedNode, make_node: Make) -> None:
    comer = make_node()
    rejoin_by(comer, open_history(comer, source), 90, is_minimal=False)
    reopened = Store(comer.url)
    comer.stack.callback(reopened.close)
    ledger = reopened.load_ledger()
    history = History([source.open_archive()], rejoin.get_position(ledger))
    told: list[tuple[int, int]] = []
    ledger = rejoin.replay(reopened, ledger, history, 128, lambda *seen: told.append(seen))
    assert told == [(sequence, 128) for sequence in range(91, 129)]
    assert ledger.header_hash == source.get_header_hash(128)


def test_what_an_archive_lacks_comes_from_another(
    source: ArchivedNode, make_node: Make, object_store: ObjectStore
) -> None:
    comer = make_node()
    half = source.copy_archive(object_store, lambda key: not key.startswith(SNAPSHOTS))
    history = open_history(comer, half, source)
    ledger = rejoin_by(comer, history, 128, is_minimal=True)
    assert ledger.header_hash == source.get_header_hash(128)
    assert get_sequences(comer)[1] == 71


def test_the_publisher_gets_all_ledgers_while_they_leave_the_database(make_node: Make) -> None:
    """Before, it stood still where the database had begun when it asked first."""
    node = make_node()
    node.close(63 + 64)
    node.publish(keep=30)
    settings = ArchiveSettings(bucket=node.bucket)

    async def read_all() -> list[int]:
        past = PastLedgers(StoreThread(node.store), settings, node.opened.position)
        found: list[int] = []
        while records := await past.load(len(found) + 1, 1_000_000):
            found += [each.sequence for each in records]
            if len(found) == 17:  # the genesis and what was read at once
                node.close(64)
                node.publish(keep=10)
        return found

    assert asyncio.run(read_all()) == list(range(1, 193))


def test_where_no_archive_has_it_the_node_stays_as_it_is(
    source: ArchivedNode, make_node: Make, object_store: ObjectStore
) -> None:
    comer = make_node()
    gone = source.copy_archive(object_store, lambda key: not key.startswith(OBJECTS))
    with pytest.raises(HistoryUnavailable):
        rejoin_by(comer, open_history(comer, gone), 128, is_minimal=False)
    assert get_sequences(comer) == [1]


def test_a_node_begins_without_archives_that_are_away(
    make_node: Make, object_store: ObjectStore
) -> None:
    comer = make_node()
    settings = ArchiveSettings(bucket=comer.bucket)
    object_store.stop()
    try:
        ledger = rejoin.begin(comer.store, comer.opened.ledger, settings)
    finally:
        object_store.start()
    assert ledger.header.sequence == 1


def test_a_node_begins_by_the_newest_snapshot(source: ArchivedNode, make_node: Make) -> None:
    comer = make_node()
    settings = ArchiveSettings(bucket=comer.bucket, others=(source.bucket,))
    ledger = rejoin.begin(comer.store, comer.opened.ledger, settings)
    assert ledger.header.sequence == 71
    assert ledger.state.get_account(get_account("70 0")) is not None


def test_a_false_snapshot_is_passed_over(source: ArchivedNode, make_node: Make) -> None:
    """Its manifest names objects of another state, each of which is what its name says. The source
    is damaged by this test, which is the last."""
    comer = make_node()
    with psycopg.connect(source.url, autocommit=True) as connection:
        connection.execute(
            "DELETE FROM entries WHERE key = (SELECT key FROM entries ORDER BY key DESC LIMIT 1)"
        )
    source.open().publish_snapshot()
    source.close(64)
    source.publish(snapshot_ledgers=10_000)
    history = open_history(comer, source)
    ledger = rejoin_by(comer, history, 192, is_minimal=True)
    assert ledger.header_hash == source.get_header_hash(192)
    assert get_sequences(comer)[1] == 71  # the older one, which is true

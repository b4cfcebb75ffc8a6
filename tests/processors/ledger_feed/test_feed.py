"""Verified ledgers in order from real topics, other nodes' among them."""

from collections.abc import Sequence

import pytest

from processors.ledger_feed.feed import LedgerFeed, UnfilledGap
from processors.ledger_feed.topic import TopicUnavailable
from schemas.codec import frame
from schemas.generated.archive import Checkpoint
from schemas.generated.ledger import LedgerRecord
from schemas.settings import BucketSettings
from streams.archive.archive import Archive
from streams.archive.checkpoint import ArchivedLedger, make_checkpoint
from streams.ledger.chain import ForgedLedger, get_genesis_position
from tests.processors.economies import make_busy_network
from tests.processors.support import Log
from tests.support.object_store import ObjectStore
from tests.support.servers import Servers

NETWORK = make_busy_network(30, payments=1)
RECORDS = NETWORK.records


def make_feed(servers: Servers, peers: Sequence[Sequence[LedgerRecord | bytes]]) -> LedgerFeed:
    """A feed before the genesis, with one topic for each of `peers`."""
    prefix = servers.get_prefix("feed")
    topics = []
    for number, records in enumerate(peers):
        log = Log(servers, f"{prefix}node{number}.ledgers")
        log.publish(*records)
        topics.append(log.topic)
    return LedgerFeed(
        servers.kafka,
        tuple(topics),
        NETWORK.genesis_hash,
        get_genesis_position(NETWORK.network_id),
        lambda _: None,
    )


def receive(feed: LedgerFeed, record: LedgerRecord) -> list[int]:
    return [verified.header.sequence for verified in feed.receive(frame(record))]


def test_ledgers_come_one_by_one_and_repeats_not_at_all(servers: Servers) -> None:
    feed = make_feed(servers, [])
    assert [receive(feed, record) for record in RECORDS[:3]] == [[1], [2], [3]]
    assert receive(feed, RECORDS[1]) == []
    assert receive(feed, RECORDS[2]) == []
    assert receive(feed, RECORDS[3]) == [4]


def test_a_gap_is_filled_from_as_many_peers_as_it_takes(servers: Servers) -> None:
    """The first peer forges, the second has a gap itself, the third lacks the beginning."""
    forged = LedgerRecord(RECORDS[4].header, RECORDS[3].certificate, RECORDS[4].body)
    feed = make_feed(
        servers,
        [
            [*RECORDS[:4], forged],
            [*RECORDS[:9], *RECORDS[12:]],
            [*RECORDS[5:8], *RECORDS[5:25]],
        ],
    )
    receive(feed, RECORDS[0])
    receive(feed, RECORDS[1])
    assert receive(feed, RECORDS[20]) == [*range(3, 22)]
    assert receive(feed, RECORDS[10]) == []


def test_a_gap_that_no_peer_fills_is_an_end_after_what_could_be_filled(servers: Servers) -> None:
    feed = make_feed(servers, [RECORDS[:9]])
    found: list[int] = []
    with pytest.raises(UnfilledGap, match="ledgers 10 to 20"):
        found.extend(each.header.sequence for each in feed.receive(frame(RECORDS[20])))
    assert feed.position.sequence == 9


def test_a_gap_is_no_end_while_a_peer_cannot_be_asked(servers: Servers) -> None:
    """It may have the ledgers: the processor has to be started again, not looked at."""
    feed = make_feed(servers, [RECORDS[:9]])
    feed.peer_topics = (f"{servers.get_prefix('feed')}none.ledgers", *feed.peer_topics)
    with pytest.raises(TopicUnavailable):
        list(feed.receive(frame(RECORDS[20])))
    assert feed.position.sequence == 9


def test_the_record_after_a_gap_is_verified_too(servers: Servers) -> None:
    feed = make_feed(servers, [RECORDS])
    forged = LedgerRecord(RECORDS[5].header, RECORDS[4].certificate, RECORDS[5].body)
    with pytest.raises(ForgedLedger, match="signature"):
        list(feed.receive(frame(forged)))
    assert feed.position.sequence == 5


def test_old_hashes_are_asked_for_only_when_forgotten(
    servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("processors.ledger_feed.feed.REMEMBERED", 2)
    feed = make_feed(servers, [])
    for record in RECORDS[:6]:
        receive(feed, record)
    assert receive(feed, RECORDS[4]) == []
    with pytest.raises(ForgedLedger, match="forked"):
        receive(feed, RECORDS[3])


def test_what_no_topic_has_any_more_comes_from_an_archive(
    servers: Servers, object_store: ObjectStore
) -> None:
    """Retention has removed the beginning everywhere, the genesis too."""
    bucket = object_store.create_bucket("history")
    feed = make_feed(servers, [RECORDS[25:]])
    feed.archives = (bucket,)
    with pytest.raises(TopicUnavailable):
        receive(feed, RECORDS[22])
    write_archive(bucket, RECORDS[:20])
    assert receive(feed, RECORDS[20]) == list(range(1, 22))
    assert receive(feed, RECORDS[21]) == [22]


def write_archive(bucket: BucketSettings, records: Sequence[LedgerRecord]) -> None:
    archive = Archive(bucket)
    ledgers = [ArchivedLedger(number, record) for number, record in enumerate(records, start=1)]
    for made in make_checkpoint(NETWORK.network_id, ledgers):
        if isinstance(made, Checkpoint):
            archive.write_checkpoint(made)
        else:
            archive.write(made)
    archive.close()

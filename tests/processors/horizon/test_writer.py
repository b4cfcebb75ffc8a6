"""How many ledgers go into one commit, and what is kept when a record is not true."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from processors.horizon import writer
from processors.horizon.store import Batch, Fenced
from processors.horizon.writer import LedgerWriter
from processors.ledger_feed.feed import LedgerFeed, UnfilledGap
from processors.ledger_feed.topic import Message
from schemas.codec import frame
from schemas.settings import KafkaSettings, Secret
from streams.ledger.chain import get_genesis_position
from tests.processors.economies import make_busy_network

NETWORK = make_busy_network(6, payments=3)
MESSAGES = [Message(at, frame(record)) for at, record in enumerate(NETWORK.records)]


@dataclass
class Commits:
    """In place of a store: what it was asked to commit."""

    batches: list[Batch] = field(default_factory=list)

    def commit(self, batch: Batch, *, is_live: bool) -> None:
        assert batch.position.sequence == batch.ledgers[-1].sequence
        assert is_live
        self.batches.append(batch)

    def get_sizes(self) -> list[int]:
        return [len(batch.ledgers) for batch in self.batches]


def make_writer() -> tuple[LedgerWriter, Commits]:
    position = get_genesis_position(NETWORK.network_id)
    nowhere = KafkaSettings(bootstrap_servers="", user="", password=Secret(""))
    feed = LedgerFeed(nowhere, (), NETWORK.genesis_hash, position, lambda _: None)
    commits = Commits()
    return LedgerWriter(feed, commits, "node.ledgers", 0), commits  # type: ignore[arg-type]


def test_what_comes_together_is_committed_together() -> None:
    ledgers, commits = make_writer()
    ledgers.write(MESSAGES[:4])
    ledgers.write(MESSAGES[4:5])
    assert commits.get_sizes() == [4, 1]
    assert [batch.kafka_offset for batch in commits.batches] == [4, 5]


@pytest.mark.parametrize(
    ("bound", "value", "sizes"),
    [
        ("LEDGERS_A_COMMIT", 4, [4, 4, 3]),
        ("BODY_BYTES_A_COMMIT", 1, [1] * 11),
        ("TRANSACTIONS_A_COMMIT", 1, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_a_commit_is_bounded(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(writer, bound, value)
    ledgers, commits = make_writer()
    ledgers.write(MESSAGES)
    assert commits.get_sizes() == sizes
    assert ledgers.transactions == sum(
        len(rows.transactions) for batch in commits.batches for rows in batch.ledgers
    )


def test_ledgers_before_a_wrong_record_are_kept() -> None:
    ledgers, commits = make_writer()
    with pytest.raises(UnfilledGap):
        ledgers.write([*MESSAGES[:3], MESSAGES[5]])
    assert commits.get_sizes() == [3]
    assert ledgers.next_offset == 3


def test_repeats_alone_commit_nothing() -> None:
    ledgers, commits = make_writer()
    ledgers.write(MESSAGES[:3])
    ledgers.write([Message(3, MESSAGES[1].value)])
    assert commits.get_sizes() == [3]
    assert ledgers.next_offset == 4


def test_with_a_committer_all_is_written_in_order_by_the_time_it_is_flushed() -> None:
    ledgers, commits = make_writer()
    with ThreadPoolExecutor(1) as committer:
        ledgers.committer = committer
        ledgers.write(MESSAGES[:4])
        ledgers.write(MESSAGES[4:])
        ledgers.flush()
        assert commits.get_sizes() == [4, 7]
        assert [batch.kafka_offset for batch in commits.batches] == [4, 11]


def test_what_a_committer_could_not_write_is_told_before_anything_after_it_is_written() -> None:
    ledgers, commits = make_writer()

    def fail(batch: Batch, *, is_live: bool) -> None:
        raise Fenced(f"{batch.position.sequence} {is_live}")

    commits.commit = fail  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as committer:
        ledgers.committer = committer
        ledgers.write(MESSAGES[:4])
        with pytest.raises(Fenced):
            ledgers.write(MESSAGES[4:])
    assert commits.batches == []

"""Finding ledgers on a real topic, whatever repeats lie before them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.local.processes import wait_until
from processors.ledger_feed.follow import get_sequence
from processors.ledger_feed.topic import TopicReader, TopicUnavailable, open_topic
from tests.processors.economies import make_busy_network
from tests.processors.support import Log
from tests.support.servers import Servers

RECORDS = make_busy_network(20, payments=1).records
# As a publisher that went back twice leaves it: 1 .. 9, again from 5, again from 3, to the end.
ORDER = [*range(1, 10), *range(5, 12), *range(3, len(RECORDS) + 1)]


@pytest.fixture(scope="module")
def reader(servers: Servers) -> Iterator[TopicReader]:
    log = Log(servers, f"{servers.get_prefix('topic')}node.ledgers")
    log.publish(*(RECORDS[sequence - 1] for sequence in ORDER))
    with open_topic(servers.kafka, log.topic) as opened:
        yield opened


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(sequence=st.integers(1, len(RECORDS)), hint=st.none() | st.integers(0, 2 * len(ORDER)))
def test_reading_from_the_start_finds_every_later_ledger(
    reader: TopicReader, sequence: int, hint: int | None
) -> None:
    """No ledger from `sequence` on has its first occurrence before the start, unless the hint is
    the offset after a record of the ledger before, when all that matters comes after it too.
    """
    start = reader.get_start(sequence, hint)
    rest = ORDER[start:]
    assert [each for each in range(sequence, len(RECORDS) + 1) if each not in rest] == []


def test_a_right_hint_is_taken(reader: TopicReader) -> None:
    assert reader.get_start(len(RECORDS) + 1, len(ORDER)) == len(ORDER)
    assert reader.get_start(4, 3) == 3


def test_a_ledger_that_is_yet_to_come_lies_at_the_end(reader: TopicReader) -> None:
    assert reader.locate(10_000) == len(ORDER)


def test_a_topic_with_a_gap_is_read_from_its_beginning(servers: Servers) -> None:
    log = Log(servers, f"{servers.get_prefix('topic')}node.ledgers")
    log.publish(*RECORDS[:3], *RECORDS[10:])
    with open_topic(servers.kafka, log.topic) as reader:
        assert reader.locate(6) == 0


def test_an_empty_topic_and_one_that_does_not_exist(servers: Servers) -> None:
    log = Log(servers, f"{servers.get_prefix('topic')}node.ledgers")
    with open_topic(servers.kafka, log.topic) as reader:
        assert reader.get_start(1, None) == 0
        assert reader.get_start(5, 4) == 0
    with (
        open_topic(servers.kafka, f"{log.topic}.none") as reader,
        pytest.raises(TopicUnavailable, match="check its name"),
    ):
        reader.get_range()


@pytest.mark.timeout(120)
def test_a_broker_that_is_away_is_waited_for(own_servers: Servers) -> None:
    """Also by a reader whose client sees no broker for so long that it is replaced."""
    log = Log(own_servers, f"{own_servers.get_prefix('topic')}node.ledgers")
    log.publish(*RECORDS[:5])
    with open_topic(own_servers.kafka, log.topic) as reader, ThreadPoolExecutor(1) as other:
        assert len(reader.read(0, 5)) == 5
        own_servers.stop("kafka")

        def go_on() -> None:
            assert wait_until(lambda: reader.watch.rebuilds > 0, 30)
            own_servers.start("kafka")
            log.publish(*RECORDS[5:])

        going_on = other.submit(go_on)
        messages = reader.read(5, len(RECORDS) - 5, wait_s=60)
        going_on.result(30)
        assert [get_sequence(each.value) for each in messages] == [*range(6, len(RECORDS) + 1)]

        own_servers.stop("kafka")
        starting = other.submit(own_servers.start, "kafka")
        assert reader.get_range() == (0, len(RECORDS))
        starting.result(30)


def test_records_come_in_order_with_their_offsets(reader: TopicReader) -> None:
    messages = reader.read(4, 10)
    assert [each.offset for each in messages] == [*range(4, 14)]
    assert [each.offset for each in reader.read(14, 3)] == [14, 15, 16]
    assert reader.read(len(ORDER), 1, wait_s=0.2) == []

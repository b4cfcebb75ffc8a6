"""Patience with a broker that is away, and no more of it than until the node stops."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.broker import AWAY, LOST_S, UNKNOWN, BrokerWatch, ask_until_answered
from streams.herder.herder import Herder
from streams.herder.offsets import Offsets
from streams.node.inbox import Inbox
from streams.node.ingest import Ingest
from streams.node.metrics import Metrics
from streams.node.publisher import Publisher
from streams.node.rejections import Rejections
from streams.node.verification import VerificationPool
from tests.support.network import get_key, make_economy
from tests.support.nowhere import NOWHERE, load_nothing


@pytest.mark.parametrize("code", AWAY)
def test_asks_again_while_the_broker_is_away(code: int) -> None:
    answers = iter([None, None, 7])

    def ask(wait_s: float) -> int:
        assert wait_s > 0
        answer = next(answers)
        if answer is None:
            raise KafkaException(KafkaError(code))
        return answer

    assert ask_until_answered(ask, threading.Event()) == 7


def test_any_other_error_is_raised() -> None:
    def ask(_: float) -> int:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    with pytest.raises(KafkaException, match="TOPIC_AUTHORIZATION_FAILED"):
        ask_until_answered(ask, threading.Event())


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_topic_that_is_unknown_may_be_new(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.broker.NEWS_S", 0.5)
    asked = []

    def ask(_: float) -> int:
        asked.append(time.monotonic())
        raise KafkaException(KafkaError(code))

    with pytest.raises(KafkaException):
        ask_until_answered(ask, threading.Event())
    assert len(asked) > 1
    assert asked[-1] - asked[0] < 5


def test_nothing_is_asked_of_a_node_that_stops() -> None:
    is_stopping = threading.Event()

    def ask(_: float) -> int:
        is_stopping.set()
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    assert ask_until_answered(ask, is_stopping) is None


def make_ingest() -> Ingest:
    ledger = make_economy().ledger
    offsets, metrics = Offsets(), Metrics()
    publisher = Publisher(NOWHERE, "core1", load_nothing)
    return Ingest(
        Herder(ledger, get_key("validator 0")),
        Inbox(),
        VerificationPool("nowhere:nothing", 0),
        offsets,
        Rejections(ledger, offsets, publisher, metrics),
        metrics,
        transactions_max=8_000,
    )


def follow() -> Awaitable[None]:
    return make_ingest().follow(NOWHERE, {})


def publish() -> Awaitable[None]:
    return Publisher(NOWHERE, "core1", load_nothing).run()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("begin", [follow, publish])
def test_what_waits_for_the_broker_does_not_keep_the_node_from_stopping(
    begin: Callable[[], Awaitable[None]],
) -> None:
    """Their threads end too: the loop's end waits for them."""

    async def run_a_while() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(begin(), 1)

    asyncio.run(run_a_while())


STATISTICS = {
    state: f'{{"brokers": {{"one": {{"state": "{state}"}}}}}}' for state in ("UP", "DOWN")
}


def test_a_client_without_brokers_is_lost_after_a_while_and_with_more_patience_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    watch = BrokerWatch("test")
    watch.note(STATISTICS["UP"])
    assert (watch.is_lost, watch.get_away_s()) == (False, 0)
    for patience in (LOST_S, 2 * LOST_S, 4 * LOST_S):
        watch.note(STATISTICS["DOWN"])
        now += patience
        watch.note(STATISTICS["DOWN"])
        assert not watch.is_lost
        now += 1
        watch.note('{"brokers": {}}')
        assert watch.is_lost
        watch.note_rebuilt()
        assert not watch.is_lost
    assert watch.rebuilds == 3
    assert watch.get_away_s() == 7 * LOST_S + 3
    watch.note(STATISTICS["UP"])
    assert watch.get_away_s() == 0

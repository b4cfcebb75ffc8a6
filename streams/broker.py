"""What clients of Kafka share: settings, patience, and an eye on the broker. Shell.

Nodes, processors, gateways and the client library use it. It knows no topic.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer

from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX

ANSWER_S = 5.0
TELL_S = 10.0
STATISTICS_MS = 1_000
LOST_S, LOST_MAX_S = 5.0, 60.0
AGAIN_S = 0.2
# Nobody answers, or who answers does not lead the partition yet: so it is for a moment after a
# topic was created or a broker started.
AWAY = (
    KafkaError._TRANSPORT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError.BROKER_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_LEADER_FOR_PARTITION,
)
# Whoever asks may be faster than the news of a topic.
UNKNOWN = (
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,
    KafkaError._UNKNOWN_PARTITION,
)
NEWS_S = 3.0
PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)  # the client was ended, not refused
PURGE_S = 1.0

T = TypeVar("T")

log = structlog.get_logger()


def _warn(event: str, **fields: Any) -> None:
    """In a process that keeps logs. In a user's own, structlog would print to standard output."""
    if structlog.is_configured():
        log.warning(event, **fields)


class BrokerWatch:
    """Whether a client has a broker, by librdkafka's own statistics.

    A client can lose every broker and never look for one again; only a new client helps. With each
    new one in a row the patience doubles: a broker may also just be down.
    """

    def __init__(self, purpose: str) -> None:
        self.purpose = purpose
        self.rebuilds = 0
        self.is_lost = False  # the client should be replaced now
        self._away_since: float | None = time.monotonic()
        self._tried_since = time.monotonic()  # with this client
        self._patience_s = LOST_S

    def note(self, statistics: str) -> None:
        """`statistics` is the JSON text that librdkafka gives to `stats_cb`."""
        brokers = json.loads(statistics)["brokers"].values()
        now = time.monotonic()
        if any(each["state"] == "UP" for each in brokers):
            self._away_since, self._patience_s, self.is_lost = None, LOST_S, False
            return
        if self._away_since is None:
            self._away_since = self._tried_since = now
        self.is_lost = now - self._tried_since > self._patience_s

    def note_rebuilt(self) -> None:
        """The client was replaced by a new one."""
        self.rebuilds += 1
        self.is_lost, self._tried_since = False, time.monotonic()
        self._patience_s = min(2 * self._patience_s, LOST_MAX_S)
        _warn("no broker is connected: the Kafka client is replaced", client=self.purpose)

    def get_away_s(self) -> float:
        """For how long there has been no broker, as far as was heard."""
        return 0.0 if self._away_since is None else time.monotonic() - self._away_since


def make_client_settings(
    kafka: KafkaSettings, purpose: str, watch: BrokerWatch | None = None
) -> dict[str, Any]:
    """Problems go to the process' log, not to its error output, and not at the pace of tries."""
    told_at = -TELL_S

    def tell(error: KafkaError) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TELL_S:
            told_at = time.monotonic()
            _warn("Kafka cannot be used now", client=purpose, reason=error.str())

    settings = {**kafka.get_client_settings(), "log_level": 0, "error_cb": tell}
    if watch is not None:
        settings |= {"statistics.interval.ms": STATISTICS_MS, "stats_cb": watch.note}
    return settings


def make_consumer_settings(
    kafka: KafkaSettings, purpose: str, watch: BrokerWatch | None = None
) -> dict[str, Any]:
    """A reader that keeps its own offsets."""
    return {
        **make_client_settings(kafka, purpose, watch),
        "group.id": f"{kafka.user}.{purpose}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
    }


def is_passing(error: KafkaError, since: float) -> bool:
    """Whether it is worth asking again what was first asked at `since`, by the monotonic clock."""
    if error.code() in UNKNOWN:
        return time.monotonic() - since < NEWS_S
    return error.code() in AWAY


def ask_until_answered(ask: Callable[[float], T], is_stopping: threading.Event) -> T | None:
    """What `ask`, given seconds to wait, returns: a broker that is away is waited for. None when
    the node stops first. Raises KafkaException for anything else."""
    since = time.monotonic()
    while not is_stopping.is_set():
        try:
            return ask(ANSWER_S)
        except KafkaException as error:
            if not is_passing(error.args[0], since):
                raise
        is_stopping.wait(AGAIN_S)
    return None


def end_producer(last: list[Producer]) -> None:
    """Ends the client in the list, which must be the last reference to it. Takes a while; what it
    has not delivered is told as `PURGED`."""
    last[0].purge(blocking=False)
    last[0].flush(PURGE_S)
    last.clear()

"""What a core node's readers and writer of Kafka share: settings, and patience with it. Shell."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException

from schemas.settings import KafkaSettings
from schemas.topics import MESSAGE_BYTES_MAX

ANSWER_S = 5.0
TELL_S = 10.0
AWAY = (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT)

T = TypeVar("T")

log = structlog.get_logger()


def get_client_settings(kafka: KafkaSettings, purpose: str) -> dict[str, Any]:
    """Problems go to the node's log, not to its error output, and not at the pace of tries."""
    told_at = -TELL_S

    def tell(error: KafkaError) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TELL_S:
            told_at = time.monotonic()
            log.warning("Kafka cannot be used now", client=purpose, reason=error.str())

    return {**kafka.get_client_settings(), "log_level": 0, "error_cb": tell}


def get_consumer_settings(kafka: KafkaSettings, purpose: str) -> dict[str, Any]:
    """A reader that keeps its own offsets."""
    return {
        **get_client_settings(kafka, purpose),
        "group.id": f"{kafka.user}.{purpose}",
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "fetch.message.max.bytes": MESSAGE_BYTES_MAX,
        "fetch.wait.max.ms": 50,
    }


def ask_until_answered(ask: Callable[[float], T], is_stopping: threading.Event) -> T | None:
    """What `ask`, given seconds to wait, returns: a broker that is away is waited for. None when
    the node stops first. Raises KafkaException for anything else."""
    while not is_stopping.is_set():
        try:
            return ask(ANSWER_S)
        except KafkaException as error:
            if error.args[0].code() not in AWAY:
                raise
    return None

"""The projection's streams: ledgers and events into cases. Shell."""

from contextlib import ExitStack
from typing import Any

import psycopg
import structlog

from processors.kyc.settings import ProjectionSettings
from processors.kyc.store import CaseStore
from processors.ledger_feed.network import Network
from processors.ledger_feed.stream import Stream
from processors.ledger_feed.topic import open_topic

log = structlog.get_logger()


def make_streams(
    stack: ExitStack, settings: ProjectionSettings, network: Network
) -> tuple[CaseStore, list[Stream]]:
    """Two streams, each with a connection of its own. Blocks. Raises `ConfigError`, psycopg.Error,
    `TopicUnavailable`."""
    store = CaseStore([_connect(stack, settings) for _ in range(2)], settings, network)
    with open_topic(settings.kafka, settings.ledgers_topic) as reader:
        first = store.feed.position.sequence + 1
        store.next_offset = reader.get_start(first, store.hint)
    log.info("kyc_starts", sequence=first - 1, offset=store.next_offset)
    return store, [
        Stream([settings.ledgers_topic], store.write_ledgers, lambda: store.next_offset),
        Stream([settings.events_topic], store.write_events, lambda: store.events_offset),
    ]


def _connect(stack: ExitStack, settings: ProjectionSettings) -> "psycopg.Connection[Any]":
    url = settings.database.url.reveal()
    return stack.enter_context(psycopg.connect(url, autocommit=True))

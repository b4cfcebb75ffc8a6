"""The Horizon processor: a node's closed ledgers, verified and folded into PostgreSQL.

The composition root of the process `tokend run horizon-processor`. The views decide where it
begins; whatever cannot be verified ends it, with the views as they were.
"""

from contextlib import ExitStack

import structlog

from processors.horizon import rejections, replay, reserves
from processors.horizon.config import HorizonSettings
from processors.horizon.rebuild import ReplayProgress
from processors.horizon.schema import LIVE, create_schema, get_version
from processors.horizon.store import LedgerStore, open_connection
from processors.horizon.writer import LedgerWriter, get_feed
from processors.ledger_feed.network import Network
from processors.ledger_feed.process import run_processor
from processors.ledger_feed.stream import Stream
from processors.ledger_feed.topic import open_topic
from schemas.versions import HORIZON_VIEWS

log = structlog.get_logger()


def main(settings: HorizonSettings) -> None:
    """See `run_processor`; it also raises `Fenced`."""

    def make_streams(stack: ExitStack, network: Network) -> list[Stream]:
        _prepare_views(settings)
        return [
            _make_ledger_stream(stack, settings, network),
            *(_make_rejection_stream(stack, settings, t) for t in settings.rejections_topics),
            *([_make_reserve_stream(stack, settings)] if settings.reserves_topics else []),
        ]

    run_processor(settings, make_streams)


def _prepare_views(settings: HorizonSettings) -> None:
    """Makes the views where there are none; rebuilds those of another version."""
    with open_connection(settings.database.url.reveal()) as connection:
        version = get_version(connection)
        if version is None:
            create_schema(connection, LIVE)
            log.info("views_created", version=HORIZON_VIEWS)
    if version in (None, HORIZON_VIEWS):
        return
    log.warning("views_outdated", found=version, wanted=HORIZON_VIEWS)
    outcome = replay.run(settings, report=_report_rebuild, is_outdated=True)
    seconds = round(outcome.seconds, 1)
    log.info("views_rebuilt", sequence=outcome.sequence, seconds=seconds, left=outcome.left)


def _report_rebuild(progress: ReplayProgress) -> None:
    log.info(
        "views_rebuilding",
        state=progress.state,
        sequence=progress.sequence,
        target=progress.target,
        eta_s=None if progress.eta_s is None else round(progress.eta_s),
    )


def _make_ledger_stream(stack: ExitStack, settings: HorizonSettings, network: Network) -> Stream:
    connection = stack.enter_context(open_connection(settings.database.url.reveal()))
    store = LedgerStore(connection, network.genesis_hash)
    progress = store.take_over()
    feed = get_feed(settings, network, connection, store.schema, progress)
    with open_topic(settings.kafka, settings.ledgers_topic) as reader:
        is_same = progress is not None and progress.kafka_topic == settings.ledgers_topic
        hint = progress.kafka_offset if progress is not None and is_same else None
        offset = reader.get_start(feed.position.sequence + 1, hint)
    log.info(
        "processor_starts",
        sequence=feed.position.sequence,
        topic=settings.ledgers_topic,
        offset=offset,
        writer_epoch=store.epoch,
    )
    writer = LedgerWriter(feed, store, settings.ledgers_topic, offset)
    return Stream([settings.ledgers_topic], writer.write, lambda: writer.next_offset)


def _make_rejection_stream(stack: ExitStack, settings: HorizonSettings, topic: str) -> Stream:
    connection = stack.enter_context(open_connection(settings.database.url.reveal()))
    return Stream([topic], rejections.get_writer(connection, topic))


def _make_reserve_stream(stack: ExitStack, settings: HorizonSettings) -> Stream:
    connection = stack.enter_context(open_connection(settings.database.url.reveal()))
    return Stream(settings.reserves_topics, reserves.get_writer(connection))

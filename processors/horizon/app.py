"""The Horizon processor: a node's closed ledgers, verified and folded into PostgreSQL.

The composition root of the process `tokend run horizon-processor`. The views decide where it
begins; whatever cannot be verified ends it, with the views as they were.
"""

import os
from contextlib import ExitStack

import psycopg
import structlog

from processors.horizon import rejections, replay
from processors.horizon.config import HorizonSettings, Network, load_network
from processors.horizon.rebuild import ReplayProgress
from processors.horizon.schema import LIVE, create_schema, get_version
from processors.horizon.store import LedgerStore, open_connection
from processors.horizon.writer import LedgerWriter, get_feed
from processors.ledger_feed.feed import UnfilledGap
from processors.ledger_feed.logs import configure_logs
from processors.ledger_feed.stream import Stream, run_streams
from processors.ledger_feed.topic import open_topic
from schemas.settings import EXIT_NOT_TRUE
from schemas.versions import HORIZON_VIEWS
from streams.kill_points import kill_points
from streams.ledger.chain import ForgedLedger

log = structlog.get_logger()


def main(settings: HorizonSettings) -> None:
    """Runs until SIGTERM or SIGINT. Ends by SystemExit `EXIT_NOT_TRUE` when a record is not of the
    chain, or ledgers are missing everywhere, and by 1 when PostgreSQL fails; raises `ConfigError`,
    `SchemaMissing` and `Fenced`.
    """
    kill_points.arm(os.environ)
    configure_logs()
    network = load_network(settings.genesis_file)
    try:
        _prepare_views(settings)
        with ExitStack() as stack:
            run_streams(
                settings.name,
                settings.kafka,
                [
                    _get_ledgers(stack, settings, network),
                    *(_get_rejections(stack, settings, t) for t in settings.rejections_topics),
                ],
            )
    except (ForgedLedger, UnfilledGap) as error:
        log.critical("processor_stopped", alarm=True, reason=str(error))
        raise SystemExit(EXIT_NOT_TRUE) from error
    except psycopg.Error as error:
        log.critical("database_fails", reason=str(error))
        raise SystemExit(1) from error


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
    log.info("views_rebuilt", sequence=outcome.sequence, seconds=round(outcome.seconds, 1))


def _report_rebuild(progress: ReplayProgress) -> None:
    log.info(
        "views_rebuilding",
        state=progress.state,
        sequence=progress.sequence,
        target=progress.target,
        eta_s=None if progress.eta_s is None else round(progress.eta_s),
    )


def _get_ledgers(stack: ExitStack, settings: HorizonSettings, network: Network) -> Stream:
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


def _get_rejections(stack: ExitStack, settings: HorizonSettings, topic: str) -> Stream:
    connection = stack.enter_context(open_connection(settings.database.url.reveal()))
    return Stream([topic], rejections.get_writer(connection, topic))

"""A processor's process: kill points, logs, the network, streams until a signal, exit codes.

What is particular to a processor comes as the function that makes its streams.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import psycopg
import structlog

from processors.ledger_feed.feed import UnfilledGap
from processors.ledger_feed.logs import configure_logs
from processors.ledger_feed.network import Network, load_network
from processors.ledger_feed.settings import FeedSettings
from processors.ledger_feed.stream import Stream, run_streams
from processors.ledger_feed.topic import TopicUnavailable
from schemas.settings import EXIT_NOT_TRUE
from streams.kill_points import kill_points
from streams.ledger.chain import ForgedLedger

log = structlog.get_logger()


def run_processor(
    settings: FeedSettings, make_streams: Callable[[ExitStack, Network], list[Stream]]
) -> None:
    """Runs until SIGTERM or SIGINT. `make_streams`: what it opens it leaves to the stack.

    Ends as `exit_by_code` says. Raises `ConfigError` and what `make_streams` raises.
    """
    network = begin(settings)
    with exit_by_code(), ExitStack() as stack:
        run_streams(settings.name, settings.kafka, make_streams(stack, network))


def begin(settings: FeedSettings) -> Network:
    """What a process does first. Raises `ConfigError`."""
    kill_points.arm(os.environ)
    configure_logs()
    return load_network(settings.genesis_file)


@contextmanager
def exit_by_code() -> Iterator[None]:
    """Ends by SystemExit `EXIT_NOT_TRUE` when a record is not of the chain, or ledgers are missing
    everywhere, and by 1 when PostgreSQL or Kafka fails.
    """
    try:
        yield
    except (ForgedLedger, UnfilledGap) as error:
        log.critical("processor_stopped", alarm=True, reason=str(error))
        raise SystemExit(EXIT_NOT_TRUE) from error
    except psycopg.Error as error:
        log.critical("database_fails", reason=str(error))
        raise SystemExit(1) from error
    except TopicUnavailable as error:
        log.critical("topic_unavailable", reason=str(error))
        raise SystemExit(1) from error

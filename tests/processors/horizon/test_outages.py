"""Broker and database are killed under load; a supervisor starts the processor when it ended."""

import threading
from pathlib import Path

import psycopg

from infra.local.processes import wait_until
from processors.horizon.audit import audit
from processors.horizon.store import open_connection
from tests.processors.economies import make_busy_network
from tests.processors.support import Processor, Views
from tests.support.servers import NativeServers


def test_views_are_complete_after_servers_were_killed(
    own_servers: NativeServers, tmp_path: Path
) -> None:
    network = make_busy_network(150, payments=5)
    views = Views(own_servers, tmp_path, network)
    publisher = threading.Thread(target=publish, args=(views,))
    processor = Processor(views, views.get_settings())
    publisher.start()
    try:
        processor.wait_for(10)
        for server in ("kafka", "postgres", "kafka"):
            own_servers.kill(server)
            own_servers.wait_until_ready()
            processor = go_on(views, processor)
        publisher.join()
        last = len(network.records)
        assert wait_until(lambda: has_reached(views, last, go_on(views, processor)), 60)
    finally:
        processor.end()
    with open_connection(views.url) as connection:
        assert audit(connection).is_equal
    sequences = views.query("SELECT sequence FROM horizon.ledgers ORDER BY 1")
    assert sequences == [(each,) for each in range(1, len(network.records) + 1)]
    movements = views.query("SELECT count(*), count(DISTINCT id) FROM horizon.movements")
    assert movements == [(3 + 2 * 5 * 150,) * 2]


def publish(views: Views) -> None:
    """Waits for a broker that is away; an idempotent producer neither loses nor repeats."""
    pause = threading.Event()
    for record in views.network.records:
        views.log.publish(record)
        pause.wait(0.1)


def go_on(views: Views, processor: Processor) -> Processor:
    """A supervisor's work."""
    if processor.process.poll() is None:
        return processor
    return Processor(views, views.get_settings())


def has_reached(views: Views, sequence: int, processor: Processor) -> bool:
    assert processor.process.poll() is None, processor.read_log()
    try:
        return views.get_sequence() >= sequence
    except psycopg.OperationalError:
        return False

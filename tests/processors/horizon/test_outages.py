"""Broker and database are killed under load; a supervisor starts the processor when it ended."""

import threading
from pathlib import Path

import psycopg

from infra.local.processes import wait_until
from tests.processors.economies import make_busy_network
from tests.processors.support import Processor, Views
from tests.support.servers import Servers


class Supervisor:
    """Keeps one processor running, whatever ends it."""

    def __init__(self, views: Views) -> None:
        self.views = views
        self.processor = Processor(views, views.get_settings())
        self.starts = 1

    def watch(self) -> None:
        if self.processor.process.poll() is not None:
            self.processor = Processor(self.views, self.views.get_settings())
            self.starts += 1

    def has_reached(self, sequence: int) -> bool:
        self.watch()
        try:
            return self.views.get_sequence() >= sequence
        except psycopg.OperationalError:
            return False


def test_views_are_complete_after_servers_were_killed(own_servers: Servers, tmp_path: Path) -> None:
    network = make_busy_network(150, payments=5)
    views = Views(own_servers, tmp_path, network)
    publisher = threading.Thread(target=publish, args=(views,))
    supervisor = Supervisor(views)
    publisher.start()
    try:
        for server, sequence in (("kafka", 10), ("postgres", 40), ("kafka", 70)):
            assert wait_until(lambda at=sequence: supervisor.has_reached(at), 60)  # type: ignore[misc]
            own_servers.kill(server)
            own_servers.wait_until_ready()
        publisher.join()
        assert wait_until(lambda: supervisor.has_reached(len(network.records)), 60)
    finally:
        supervisor.processor.end()
    assert supervisor.starts <= 5, "it restarts more often than servers were killed"
    assert views.is_right()
    sequences = views.query("SELECT sequence FROM horizon.ledgers ORDER BY 1")
    assert sequences == [(each,) for each in range(1, len(network.records) + 1)]
    movements = views.query("SELECT count(*), count(DISTINCT id) FROM horizon.movements")
    assert movements == [(3 + 2 * 5 * 150,) * 2]


def test_a_processor_that_starts_before_its_broker_waits(
    own_servers: Servers, tmp_path: Path
) -> None:
    network = make_busy_network(5, payments=1)
    views = Views(own_servers, tmp_path, network)
    views.log.publish(*network.records)
    own_servers.stop("kafka")
    with views.run() as processor:
        assert not wait_until(lambda: processor.process.poll() is not None, 8)
        own_servers.start("kafka")
        processor.wait_for(len(network.records))


def publish(views: Views) -> None:
    """Waits for a broker that is away; an idempotent producer neither loses nor repeats."""
    pause = threading.Event()
    for record in views.network.records:
        views.log.publish(record)
        pause.wait(0.1)

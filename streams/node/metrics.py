"""What a core node tells Prometheus. Labels are codes and names of parts: never ids. Shell."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ARCHIVE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COMMIT_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)

GAUGES: Mapping[str, str] = {
    "sequence": "The last ledger that was closed",
    "published": "The last ledger that was produced to the node's topic",
    "uncertified": "Closed ledgers that lack their certificate",
    "waiting_transactions": "Transactions in the queue",
    "connected": "Peers there is a connection to",
    "missing": "Validators that are not connected, or silent in the open slot",
    "has_quorum": "1 while the validators that answer are a quorum",
    "kafka_clients_replaced": "Kafka clients that lost all brokers and were replaced",
    "archived": "The last ledger in the node's archive",
    "archive_backlog": "Checkpoints that are due in the archive and not there",
    "problems": "What keeps the node from its work now",
    "behind": "Slots that a peer is ahead of this node",
    "is_healthy": "1 while the node makes progress and reads its topic",
}
"""Members of the status, by name: a list counts for its length."""


class Metrics:
    """One registry for one node, so that several may live in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.rejections = Counter(
            "tokend_core_rejections",
            "Envelopes this node refused, by code",
            ("code",),
            registry=self.registry,
        )
        self.transactions = Counter(
            "tokend_core_transactions", "Transactions in closed ledgers", registry=self.registry
        )
        self.alarms = Counter(
            "tokend_core_alarms", "Alarms in the node's log", registry=self.registry
        )
        self.unreadable_batches = Counter(
            "tokend_core_unreadable_batches",
            "Batches of the ingest topic that could not be read and were passed",
            registry=self.registry,
        )
        self.unreadable_offsets = Counter(
            "tokend_core_unreadable_offsets",
            "Offsets of the ingest topic in such batches",
            registry=self.registry,
        )
        self.commit_seconds = Histogram(
            "tokend_core_commit_seconds",
            "Time to commit a ledger to PostgreSQL",
            buckets=COMMIT_SECONDS,
            registry=self.registry,
        )
        self.archive_seconds = Histogram(
            "tokend_core_archive_seconds",
            "Time to write a checkpoint to the archive",
            buckets=ARCHIVE_SECONDS,
            registry=self.registry,
        )
        self._gauges = {
            name: Gauge(f"tokend_core_{name}", text, registry=self.registry)
            for name, text in GAUGES.items()
        }

    def render(self, status: Mapping[str, Any]) -> bytes:
        """The page, with the gauges as `status` says."""
        for name, gauge in self._gauges.items():
            value = status[name]
            gauge.set(len(value) if isinstance(value, list) else value)
        return generate_latest(self.registry)

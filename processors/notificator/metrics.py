"""The Notificator's metrics. Labels are names of the tables, never ids or addresses."""

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One registry, so that several engines can run in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def make_counter(name: str, doc: str, *labels: str) -> Counter:
            return Counter(f"tokend_notificator_{name}", doc, labels, registry=self.registry)

        self.calls = make_counter("calls", "Calls to providers", "provider", "verdict")
        self.settled = make_counter("settled", "Messages settled, by their new state", "state")
        self.repeats = make_counter("repeats", "Sent again though perhaps sent", "provider")
        self.taken_in = make_counter("taken_in", "Requests read from topics", "topic")
        self.unreadable = make_counter("unreadable", "Records nobody could read", "topic")
        self.webhooks = make_counter("webhooks", "Batches posted to subscribers", "outcome")
        self.messages = Gauge(
            "tokend_notificator_messages", "Messages by state", ("state",), registry=self.registry
        )

    def render(self) -> bytes:
        return generate_latest(self.registry)

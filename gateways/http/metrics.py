"""What a gateway tells Prometheus. Labels are route templates and statuses: never ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry for one gateway, so that several may live in a process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "tokend_gateway_requests",
            "Requests answered",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self.seconds = Histogram(
            "tokend_gateway_request_seconds",
            "Time to answer; of a stream, its life",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge(
            "tokend_gateway_streams", "EventStreams open now", registry=self.registry
        )
        self.latest_ledger = Gauge(
            "tokend_gateway_latest_ledger", "The last ledger in the views", registry=self.registry
        )
        self.stalled_seconds = Gauge(
            "tokend_gateway_view_stalled_seconds",
            "Since the views last moved on",
            registry=self.registry,
        )
        self.submissions = Counter(
            "tokend_gateway_submissions",
            "Transactions posted, by what came of it",
            ("outcome",),
            registry=self.registry,
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """`method` of an unknown route may be anything, so it is not believed."""
        known = method if route != "none" else "none"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(known, route).observe(seconds)

    def render(self) -> bytes:
        return generate_latest(self.registry)

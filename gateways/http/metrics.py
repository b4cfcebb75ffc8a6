"""Metrics that every gateway has. Labels are route templates, statuses and names: never ids."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """One registry per gateway, so that several can run in one process."""

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
            "Time to answer; of a stream, how long it was open",
            ("method", "route"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.streams = Gauge(
            "tokend_gateway_streams", "EventStreams open now", registry=self.registry
        )
        self.background_failing = Gauge(
            "tokend_gateway_background_failing",
            "Whether a background task fails now",
            ("task",),
            registry=self.registry,
        )
        self.background_failures = Counter(
            "tokend_gateway_background_failures",
            "Failed tries of background tasks",
            ("task",),
            registry=self.registry,
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """The method of an unknown route may be any text, so it is not shown."""
        known = method if route != "none" else "none"
        self.requests.labels(known, route, str(status)).inc()
        self.seconds.labels(known, route).observe(seconds)

    def render(self) -> bytes:
        return generate_latest(self.registry)

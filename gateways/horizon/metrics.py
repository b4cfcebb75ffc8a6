"""Metrics that only Horizon has."""

from prometheus_client import Counter, Gauge

from gateways.http.metrics import Metrics


class HorizonMetrics(Metrics):
    """How far the views are, and what becomes of submissions."""

    def __init__(self) -> None:
        super().__init__()
        self.latest_ledger = Gauge(
            "tokend_gateway_latest_ledger", "The last ledger in the views", registry=self.registry
        )
        self.stalled_seconds = Gauge(
            "tokend_gateway_view_stalled_seconds",
            "Since the last ledger came into the views",
            registry=self.registry,
        )
        self.submissions = Counter(
            "tokend_gateway_submissions",
            "Submitted transactions, by outcome",
            ("outcome",),
            registry=self.registry,
        )

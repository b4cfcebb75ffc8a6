"""What a PSIM process tells Prometheus. Labels name services and chains, never addresses."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CHAIN_GAUGES = {
    "height": "The newest block of the chain",
    "final": "The newest block that is final",
    "read": "The newest block that was read",
    "checkpoint": "The block up to which every deposit is credited or parked",
    "lag": "Final blocks that were not read yet",
    "open": "Deposits that are neither credited nor parked; transfers that are not settled",
    "pending": "Payments in blocks that are not final",
    "late": "Deposits that were found after their window had closed",
    "ready": "Withdrawals that wait for a transfer",
    "unknown": "Transfers of which nobody knows what came of them",
}


class Metrics:
    """One registry, so that several instances can run in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.submitted = Counter(
            "tokend_psim_submitted", "Transactions submitted", ("service",), registry=self.registry
        )
        self.signed = Counter(
            "tokend_psim_signed", "Transactions signed", ("service",), registry=self.registry
        )
        self.gauges = {
            name: Gauge(f"tokend_psim_{name}", text, ("service", "chain"), registry=self.registry)
            for name, text in CHAIN_GAUGES.items()
        }
        self.disagreements = Gauge(
            "tokend_psim_disagreements",
            "Facts about which instances derive different transactions",
            ("service",),
            registry=self.registry,
        )
        self.rounds = Gauge(
            "tokend_psim_rate_round",
            "The last round in which a pair's price was set",
            ("pair",),
            registry=self.registry,
        )
        self.quoted = Gauge(
            "tokend_psim_rate_quoted_seconds",
            "When a pair's price was true, in seconds since 1970",
            ("pair",),
            registry=self.registry,
        )
        self.held = Gauge(
            "tokend_psim_rate_held",
            "Whether a pair's newest price is held: too few agree, or it jumps",
            ("pair",),
            registry=self.registry,
        )
        self.sequence = Gauge(
            "tokend_psim_sequence", "The last ledger that was folded", registry=self.registry
        )

    def render(self, status: Mapping[str, Any]) -> bytes:
        self.sequence.set(status["sequence"])
        for name, service in status["services"].items():
            self.disagreements.labels(name).set(len(service["disagreements"]))
            for rate in service.get("rates", ()):
                self._set_rate(rate)
            for chain in service.get("chains", ()):
                for gauge, each in self.gauges.items():
                    if gauge not in chain:
                        continue
                    value = chain[gauge]
                    each.labels(name, chain["chain"]).set(-1 if value is None else value)
        return generate_latest(self.registry)

    def _set_rate(self, rate: Mapping[str, Any]) -> None:
        self.rounds.labels(rate["pair"]).set(rate["round"] or 0)
        self.quoted.labels(rate["pair"]).set((rate["quoted_at_ms"] or 0) / 1000)
        self.held.labels(rate["pair"]).set(bool(rate["problem"]))

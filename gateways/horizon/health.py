"""Horizon's health: whether its views can be read, and whether they move on."""

from gateways.horizon.progress import ProgressWatch
from gateways.http.system import Health


class ViewHealth(Health, frozen=True):
    """`stalled_seconds`: since the last ledger came into the views."""

    latest_ledger: str
    stalled_seconds: float


def make_health(progress: ProgressWatch) -> ViewHealth:
    """Red when no ledger has come into the views for three of the network's heartbeats."""
    stalled = round(progress.stalled_seconds, 1)
    problem = progress.problem
    if problem is None and not progress.is_healthy:
        problem = f"no ledger has come into the views for {stalled} s"
    status = "ok" if problem is None else "red"
    return ViewHealth(status, problem, str(progress.sequence), stalled)


def make_ready(progress: ProgressWatch) -> ViewHealth:
    """Ready when the views can be read, however old they are."""
    stalled = round(progress.stalled_seconds, 1)
    status = "ready" if progress.problem is None else "not ready"
    return ViewHealth(status, progress.problem, str(progress.sequence), stalled)

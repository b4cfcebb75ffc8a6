"""Horizon's health: whether its views can be read, and whether they move on."""

from gateways.horizon.progress import ProgressWatch
from gateways.http.background import BackgroundTasks
from gateways.http.service import Health


class ViewHealth(Health, frozen=True):
    """`stalled_seconds`: since the last ledger came into the views."""

    latest_ledger: str
    stalled_seconds: float


def make_health(progress: ProgressWatch, background: BackgroundTasks) -> ViewHealth:
    """Red when no ledger has come into the views for three of the network's heartbeats."""
    problem = progress.problem
    if problem is None and not progress.is_healthy:
        problem = f"no ledger has come into the views for {progress.stalled_seconds:.1f} s"
    if problem is None:
        problem = background.get_problem()
    return _make("ok" if problem is None else "red", problem, progress, background)


def make_ready(progress: ProgressWatch, background: BackgroundTasks) -> ViewHealth:
    """Ready when the views can be read, however old they are."""
    word = "ready" if progress.problem is None else "not ready"
    return _make(word, progress.problem, progress, background)


def _make(
    status: str, problem: str | None, progress: ProgressWatch, background: BackgroundTasks
) -> ViewHealth:
    stalled = round(progress.stalled_seconds, 1)
    sequence = str(progress.sequence)
    return ViewHealth(status, problem, background.get_failures(), sequence, stalled)

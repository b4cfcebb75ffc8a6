"""A replay's progress for people: a bar with pace and time left, on standard error."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from processors.horizon.rebuild import ReplayProgress


@contextlib.contextmanager
def show_progress() -> Iterator[Callable[[ReplayProgress], None]]:
    """What to give `replay.run` as `report`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("ledgers"),
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("replaying", total=None, pace="")

        def report(progress: ReplayProgress) -> None:
            left = "" if progress.eta_s is None else f", {progress.eta_s:.0f} s left"
            bar.update(
                task,
                description=progress.state,
                completed=progress.sequence,
                total=progress.target,
                pace=f"{progress.transactions_per_s:,.0f} transactions/s{left}",
            )

        yield report

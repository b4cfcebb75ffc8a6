"""The verb `demo`: runs the scenario on a new deployment and removes it afterwards."""

import contextlib
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infra.cli import output
from infra.cli.deployments import cancel_on_signals
from infra.cli.output import report
from infra.local.errors import NotRunning

if TYPE_CHECKING:
    from infra.demo.scenario import Scenario

KeepOption = Annotated[
    bool, typer.Option("--keep", envvar="KEEP", help="Leave the deployment running afterwards.")
]


def demo(keep: KeepOption = False) -> None:
    """Start a new network, run the demo scenario, stop and delete everything."""
    import asyncio

    root = Path(tempfile.mkdtemp(prefix="tokend-demo-"))
    try:
        asyncio.run(_run(root, keep=keep))
    except asyncio.CancelledError:
        raise typer.Exit(output.INTERRUPTED) from None


async def _run(root: Path, *, keep: bool) -> None:
    from rich.console import Console

    from infra.demo.scenario import Scenario
    from infra.demo.target import LocalTarget
    from infra.local import launch
    from infra.local.notifications import add_failing_provider
    from infra.local.shutdown import destroy_deployment, open_deployment
    from infra.local.table import TABLE

    cancel_on_signals()
    console = Console(stderr=True)
    began = time.monotonic()
    is_kept = False
    try:
        table = add_failing_provider(TABLE)
        running = await launch.start_deployment(root, table, "all", report, is_detached=keep)
        report(f"four nodes and two Horizon pairs are ready after {time.monotonic() - began:.1f} s")
        try:
            await _tell(Scenario(LocalTarget(running), console, threading.Event()))
            is_kept = keep
            report(f"the demo took {time.monotonic() - began:.1f} s")
        finally:
            if is_kept:
                running.detach()
                report(f"all is left running: `tokend destroy --yes --data {root}` ends it")
            else:
                running.stop(report)
    finally:
        if not is_kept:
            with contextlib.suppress(NotRunning):
                destroy_deployment(open_deployment(root), TABLE.servers, report)


async def _tell(scenario: "Scenario") -> None:
    """In a thread; cancelled, it waits until the thread has noticed."""
    import asyncio

    from infra.demo.steps import Interrupted

    task = asyncio.create_task(asyncio.to_thread(scenario.run))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        scenario.is_stopping.set()
        with contextlib.suppress(Interrupted):
            await task
        raise

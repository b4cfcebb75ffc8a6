"""The demo's output: numbered steps, and a check whether it was asked to stop."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

SETTLE_S = 90.0
"""How long anything may take before the demo says that it failed."""


class Interrupted(Exception):
    """The demo was asked to stop."""


class DemoFailed(Exception):
    """The scenario did not come out as it must; the message says where."""


class Steps:
    """Prints numbered steps."""

    def __init__(self, console: Console, is_stopping: threading.Event) -> None:
        self._console = console
        self._is_stopping = is_stopping
        self._number = 0

    def tell(self, text: str) -> None:
        """The next step. Raises Interrupted."""
        self.check()
        self._number += 1
        self._console.print(f"[bold]{self._number}. {text}[/]")

    def say(self, text: str) -> None:
        self._console.print(f"   {text}", highlight=False)

    def check(self) -> None:
        if self._is_stopping.is_set():
            raise Interrupted

    def wait(self, is_true: Callable[[], Any], what: str) -> None:
        """Until it is true. Raises DemoFailed and Interrupted."""
        deadline = time.monotonic() + SETTLE_S
        while not is_true():
            self.check()
            if time.monotonic() > deadline:
                raise DemoFailed(f"waited {SETTLE_S:.0f} s in vain until {what}")
            time.sleep(0.1)


def make_progress(console: Console) -> Progress:
    """A bar of what is done of how much, and for how long."""
    return Progress(
        TextColumn("   {task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )

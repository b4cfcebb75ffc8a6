"""The demo's output: numbered steps, and a check whether it was asked to stop."""

import threading

from rich.console import Console


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

"""What a planted bug must meet: schedules, one of which finds it."""

from collections.abc import Callable, Iterable
from typing import Protocol

import pytest


class Run(Protocol):
    def run(self) -> None:
        """Raises AssertionError where something does not hold."""
        ...


def check_found(make: Callable[[int], Run], seeds: Iterable[int], name: str = "it") -> None:
    """Fails unless the schedule of one of these seeds does."""
    tried = 0
    for seed in seeds:
        tried += 1
        try:
            make(seed).run()
        except AssertionError:
            return
    pytest.fail(f"{name}: not found by {tried} schedules")

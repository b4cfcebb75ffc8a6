"""How long to wait before the next try. Jitter keeps clients from coming back all at once."""

import random

_jitter = random.Random()  # noqa: S311 - keeps no secret; the global one belongs to the program


def compute_pause(first_seconds: float, failures: int, seconds_max: float) -> float:
    """At least `first_seconds`; twice as long after each further failure, but not longer than
    `seconds_max`; and up to half more.
    """
    doubled: float = first_seconds * 2 ** min(failures, 16)
    pause = max(first_seconds, min(doubled, seconds_max))
    return pause * _jitter.uniform(1.0, 1.5)

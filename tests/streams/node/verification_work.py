"""Work functions for the verification pool's tests: what a worker process imports."""

import os
import sys
import time
from pathlib import Path


def double(jobs: list[int]) -> list[int]:
    return [2 * job for job in jobs]


def verify_nothing(jobs: list[bytes]) -> list[bool]:
    return [True for _ in jobs]


def chatter(jobs: list[int]) -> list[int]:
    sys.stdout.write("a stray line")
    sys.stdout.flush()
    os.write(1, b"and another")
    return jobs


def raise_on_zero(jobs: list[int]) -> list[float]:
    return [1 / job for job in jobs]


def lose_one(jobs: list[int]) -> list[int]:
    return jobs[1:]


def die_on_zero(jobs: list[int]) -> list[int]:
    if 0 in jobs:
        os._exit(7)
    return jobs


def sleep_until_told(jobs: list[str]) -> list[int]:
    """Says in the file `job`.started that it works, then waits for the file `job`."""
    for job in jobs:
        Path(f"{job}.started").write_text(str(os.getpid()))
        while not Path(job).exists():
            time.sleep(0.005)
    return [os.getpid() for _ in jobs]

"""Batches of simulated runs, and that a seed is a run."""

import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.simulation.byzantine import BEHAVIOURS
from tests.simulation.campaign import KINDS_OF_FAULTS
from tests.simulation.run import Report, get_command, make_plan, simulate

ROOT = Path(__file__).parents[2]
SEEDS = 24
FIRST_CLOSE_MAX_MS = 20_000


@cache
def get_report(seed: int) -> Report:
    return simulate(make_plan(seed))


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, 8))
def test_what_must_hold_holds_in_every_run(first: int) -> None:
    for seed in range(first, first + 8):
        try:
            report = get_report(seed)
        except Exception as error:
            error.add_note(f"again: {get_command(seed)}")
            raise
        assert report.first_close_ms <= FIRST_CLOSE_MAX_MS, get_command(seed)


@pytest.mark.slow
def test_the_batch_makes_everything_go_wrong_that_it_can() -> None:
    """A simulator that injects nothing would find nothing. All liars come in longer campaigns."""
    counts: Counter[str] = Counter()
    for seed in range(SEEDS):
        counts.update(get_report(seed).counts)
    assert [kind for kind in KINDS_OF_FAULTS if kind not in BEHAVIOURS and not counts[kind]] == []


@pytest.mark.slow
def test_a_seed_is_a_run_under_every_hash_seed() -> None:
    command = [sys.executable, "-m", "tests.simulation.run", "--seed", "3", "--hash-only"]
    hashes = {
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "4242")
    }
    assert hashes == {get_report(3).trace_hash}

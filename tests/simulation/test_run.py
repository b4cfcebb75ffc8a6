"""Batches of simulated runs, and that a seed is a run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.run import Report, get_command, make_plan, simulate

ROOT = Path(__file__).parents[2]
SEEDS = 64
FIRST_CLOSE_MAX_MS = 20_000


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, SEEDS, 8))
def test_what_must_hold_holds_in_every_run(first: int) -> None:
    for seed in range(first, first + 8):
        try:
            report = simulate(make_plan(seed))
        except Exception as error:
            error.add_note(f"again: {get_command(seed)}")
            raise
        assert report.first_close_ms <= FIRST_CLOSE_MAX_MS, get_command(seed)


@pytest.mark.slow
def test_the_batch_makes_everything_go_wrong_that_it_can() -> None:
    """A simulator that injects nothing would find nothing."""
    reports: list[Report] = [simulate(make_plan(seed)) for seed in range(8)]
    counts: dict[str, int] = {}
    for report in reports:
        for kind, count in report.counts.items():
            counts[kind] = counts.get(kind, 0) + count
    for kind in ("lost", "duplicated", "corrupted", "cut", "crashes", "Commit", "Reject"):
        assert counts.get(kind, 0) >= 10, kind
    assert {report.plan.validators for report in reports} == {4, 7}
    assert {report.plan.has_twins for report in reports} == {False, True}


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
    assert hashes == {simulate(make_plan(3)).trace_hash}

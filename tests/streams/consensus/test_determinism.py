"""The same calls give the same outputs, whatever order Python gives to sets."""

import os
import subprocess
import sys
from pathlib import Path

from tests.streams.consensus.trace import compute_trace_hash

ROOT = Path(__file__).parents[3]


def test_traces_are_equal_under_every_hash_seed() -> None:
    command = [sys.executable, "-m", "tests.streams.consensus.trace"]
    hashes = {
        subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "4242")
    }
    assert hashes == {compute_trace_hash()}

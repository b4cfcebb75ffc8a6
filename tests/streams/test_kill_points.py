"""The switch: off by default, exact when on, and never mistaken."""

import os
import signal
import subprocess
import sys

import pytest

from schemas.settings import ConfigError
from streams.kill_points import CORE_LABELS, KillPoints

PASS = """
import os, sys
from streams.kill_points import kill_points
kill_points.arm(os.environ)
for number in range(1, 4):
    print(number, flush=True)
    kill_points.note("before-commit")
    kill_points.note("after-commit")
"""


def run(crash_at: str | None) -> "subprocess.CompletedProcess[str]":
    environ = {k: v for k, v in os.environ.items() if k != "TOKEND_CRASH_AT"}
    if crash_at is not None:
        environ["TOKEND_CRASH_AT"] = crash_at
    return subprocess.run(
        [sys.executable, "-c", PASS], env=environ, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("crash_at", "passed", "code"),
    [
        (None, "123", 0),
        ("", "123", 0),
        ("before-commit", "1", -signal.SIGKILL),
        ("after-commit:3", "123", -signal.SIGKILL),
        ("after-commit:4", "123", 0),
        ("before-publish", "123", 0),
    ],
)
def test_the_process_dies_at_the_passage_that_was_asked_for(
    crash_at: str | None, passed: str, code: int
) -> None:
    done = run(crash_at)
    assert (done.stdout.replace("\n", ""), done.returncode) == (passed, code)
    assert ("killed at" in done.stderr) == (code != 0)


@pytest.mark.parametrize("text", ["commit", "before-commit:0", "before-commit:x", ":1"])
def test_what_is_no_point_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"TOKEND_CRASH_AT: .* is no kill point: give LABEL"):
        KillPoints().arm({"TOKEND_CRASH_AT": text})


def test_points_are_off_by_default() -> None:
    points = KillPoints()
    points.arm({})
    for label in CORE_LABELS:
        points.note(label)

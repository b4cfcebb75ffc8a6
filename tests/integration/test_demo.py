"""`make demo`, as a newcomer runs it: to its end, and interrupted at some moments of it."""

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local import processes

pytestmark = [pytest.mark.servers, pytest.mark.whole, pytest.mark.timeout(900)]
TOKEND = Path(sys.executable).with_name("tokend")
END_S = 840  # on a machine with other things to do


def start_demo() -> "subprocess.Popen[str]":
    return subprocess.Popen([TOKEND, "demo"], stderr=subprocess.PIPE, text=True, bufsize=1)


def assert_nothing_is_left(told: str) -> None:
    found = re.search(r"deleted (\S+)", told)
    assert found is not None, told
    root = Path(found.group(1))
    assert not root.exists()
    assert processes.find_processes(root) == []


def test_the_demo_runs_to_its_end_and_leaves_nothing() -> None:
    demo = start_demo()
    _, told = demo.communicate(timeout=END_S)
    assert demo.returncode == 0, told
    assert "payments closed" in told
    assert "of 4 validators" in told
    assert_nothing_is_left(told)


@pytest.mark.parametrize("moment", ["Kafka is ready", "kill -9 core3"])
def test_ctrl_c_at_any_moment_leaves_nothing(moment: str) -> None:
    demo = start_demo()
    told = ""
    assert demo.stderr is not None
    while moment not in told:
        line = demo.stderr.readline()
        assert line, told
        told += line
    demo.send_signal(signal.SIGINT)
    told += demo.communicate(timeout=END_S)[1]
    assert demo.returncode == 130, told
    assert_nothing_is_left(told)

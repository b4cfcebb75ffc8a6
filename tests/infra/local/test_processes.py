"""Processes are found by their mark, and only those."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from infra.local import processes


def start(root: Path, *command: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, env={**os.environ, **processes.make_marks(root)})


def test_no_group_of_processes_is_ever_signalled() -> None:
    """Above all not the one we are in: 0 is the id of what does not run."""
    for process_id in (0, -1):
        with pytest.raises(ValueError, match="is not the id of a process"):
            processes.send_signal(process_id, signal.SIGCONT)


def test_marked_processes_are_found_and_ended(tmp_path: Path) -> None:
    with (
        start(tmp_path, "sleep", "60") as ours,
        start(tmp_path / "other", "sleep", "60") as other,
        start(tmp_path, "sh", "-c", "sleep 60 & wait") as parent,
    ):
        assert processes.wait_until(lambda: len(processes.find_processes(tmp_path)) == 3, 5)
        assert {ours.pid, parent.pid} < set(processes.find_processes(tmp_path))
        assert len(processes.end_processes(tmp_path)) == 3
        assert processes.find_processes(tmp_path) == []
        assert processes.find_processes(tmp_path / "other") == [other.pid]
        assert processes.is_alive(other.pid)
        assert not processes.is_alive(ours.pid)
        other.kill()


def test_a_process_that_does_not_listen_is_killed(tmp_path: Path) -> None:
    with start(tmp_path, "sh", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"):
        assert processes.wait_until(lambda: len(processes.find_processes(tmp_path)) == 2, 5)
        assert processes.end_processes(tmp_path, seconds=0.5)
        assert processes.find_processes(tmp_path) == []


def test_signals_to_the_dead_are_no_error() -> None:
    with subprocess.Popen(["true"]) as child:
        child.wait()
    processes.send_signal(child.pid, signal.SIGTERM)
    assert not processes.is_alive(child.pid)


def test_signals_are_ignored_for_a_while() -> None:
    before = signal.getsignal(signal.SIGINT)
    with processes.ignored_signals(signal.SIGINT):
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)

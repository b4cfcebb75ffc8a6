"""One holder at a time, and no lock that outlives its holders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.local.errors import AlreadyRunning
from infra.local.lock import get_holder, is_locked, take_lock, wait_until_free

HOLDER = """
import sys, time
from pathlib import Path
from infra.local.lock import take_lock
lock = take_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_holder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert not is_locked(file)
    lock = take_lock(file)
    assert is_locked(file)
    assert get_holder(file) == os.getpid()
    with pytest.raises(AlreadyRunning, match=rf"{tmp_path} \(process {os.getpid()}\): stop it"):
        take_lock(file)
    assert not wait_until_free(file, 0.1)
    lock.release()
    assert wait_until_free(file, 0)
    take_lock(file).release()


def test_a_child_that_has_the_descriptor_holds_the_lock(tmp_path: Path) -> None:
    lock = take_lock(tmp_path / "lock")
    with subprocess.Popen(["sleep", "60"], pass_fds=(lock.descriptor,)) as child:
        lock.name_holder(child.pid)
        lock.release()
        with pytest.raises(AlreadyRunning, match=f"process {child.pid}"):
            take_lock(tmp_path / "lock")
        child.kill()
    take_lock(tmp_path / "lock").release()


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, file], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert is_locked(file)
        child.kill()
    assert get_holder(file) == child.pid
    take_lock(file).release()


def test_asking_does_not_get_in_the_way(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    for _ in range(200):
        assert not is_locked(file)
        take_lock(file).release()

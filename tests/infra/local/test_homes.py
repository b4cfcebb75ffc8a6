"""Copied and moved data folders: none of them ever harms another one."""

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import launch, postgres, processes, shutdown
from infra.local.errors import Fault, NotRunning
from infra.local.health import get_status
from infra.local.supervisor import Control
from tests.infra.refusals import refused
from tests.infra.sample_service import make_table
from tests.support.servers import make_folder

pytestmark = pytest.mark.servers
TABLE = make_table()
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's databases can stand outside")


def ignore(_: str) -> None:
    """Progress that nobody reads."""


@contextlib.contextmanager
def started(root: Path) -> Iterator[launch.RunningDeployment]:
    running = asyncio.run(launch.start_deployment(root, TABLE, "one", ignore))
    try:
        yield running
    finally:
        running.stop(ignore)


def count_starts(root: Path) -> int:
    """Starts it; how often its service has been started, as its database says."""
    with started(root) as running:
        status = get_status(running.place.get_address("first.http"), "/status")
    assert status is not None
    return int(status["starts"])


def destroy(root: Path) -> None:
    shutdown.destroy_deployment(shutdown.open_deployment(root), TABLE.servers, ignore)


def copy(source: Path, target: Path) -> Path:
    subprocess.run(["cp", "-a", source, target], check=True)
    return target


@pytest.fixture
def parent() -> Iterator[Path]:
    """A folder for several deployments, through which PostgreSQL's user may pass."""
    folder = make_folder()
    folder.chmod(0o711)
    yield folder
    for root in folder.iterdir():
        processes.end_processes(root)
    shutil.rmtree(folder)


@pytest.fixture
def private(tmp_path: Path) -> Iterator[Path]:
    """One through which it may not, so that root's databases stand outside."""
    tmp_path.chmod(0o700)
    yield tmp_path
    for root in tmp_path.iterdir():
        processes.end_processes(root)
        with contextlib.suppress(NotRunning):
            destroy(root)


def test_a_copy_is_refused_and_its_end_harms_nobody(parent: Path) -> None:
    original = parent / "original"
    assert count_starts(original) == 1
    mirror = copy(original, parent / "mirror")
    with refused(Fault.COPY) as caught:
        count_starts(mirror)
    assert str(original) in str(caught.value)
    assert f"destroy --data {mirror}" in str(caught.value)
    destroy(mirror)
    assert not mirror.exists()
    assert count_starts(original) == 2


def test_a_copy_whose_original_is_gone_takes_its_place(parent: Path) -> None:
    original = parent / "original"
    assert count_starts(original) == 1
    backup = copy(original, parent / "backup")
    destroy(original)
    assert count_starts(backup) == 2


def test_a_moved_folder_works_and_so_does_its_copy_s_refusal(parent: Path) -> None:
    assert count_starts(parent / "before") == 1
    mirror = copy(parent / "before", parent / "mirror")
    moved = (parent / "before").rename(parent / "after")
    assert count_starts(moved) == 2
    with started(moved), refused(Fault.COPY_RUNS):
        count_starts(mirror)
    assert count_starts(moved) == 4


def test_a_folder_moved_while_it_runs_is_still_found(parent: Path) -> None:
    """And a new deployment at its old place leaves it alone."""
    before, after = parent / "before", parent / "after"
    running = asyncio.run(launch.start_deployment(before, TABLE, "one", ignore))
    running.detach()
    # PostgreSQL's helpers come and go; the supervisor stays.
    before.rename(after)
    assert running.supervisor.pid in processes.find_processes(after)
    assert count_starts(before) == 1
    assert running.supervisor.pid in processes.find_processes(after)
    shutdown.stop_deployment(shutdown.open_deployment(after), ignore)
    assert processes.find_processes(after) == []
    assert running.supervisor.wait(10) == 0


def test_verbs_on_a_copy_do_not_reach_the_original(parent: Path) -> None:
    original = parent / "original"
    with started(original) as running:
        mirror = copy(original, parent / "mirror")
        place = shutdown.open_deployment(mirror)
        with pytest.raises(NotRunning):
            Control(place).get_states()
        with pytest.raises(NotRunning):
            shutdown.stop_deployment(place, ignore)
        assert processes.find_processes(mirror) == []
        destroy(mirror)
        states = running.control.get_states()
        assert {state.state for state in states} <= {"RUNNING", "STARTING"}
    assert original.exists()


def test_a_folder_with_a_damaged_state_can_be_deleted(parent: Path) -> None:
    root = parent / "data"
    assert count_starts(root) == 1
    (root / "state.json").write_text("{")
    with refused(Fault.DAMAGED_STATE):
        count_starts(root)
    shutdown.destroy_deployment(shutdown.open_for_deletion(root), TABLE.servers, ignore)
    assert not root.exists()


@as_root
def test_databases_outside_belong_to_one_folder(private: Path) -> None:
    """Whoever copies the folder does not get them, nor may delete them; whoever moves it does."""
    original = private / "original"
    assert count_starts(original) == 1
    databases = postgres.get_folder(shutdown.open_deployment(original))
    assert databases.is_relative_to(postgres.REACHABLE)
    mirror, second = copy(original, private / "mirror"), copy(original, private / "second")
    destroy(mirror)
    assert databases.exists()
    moved = original.rename(private / "moved")
    with refused(Fault.DATABASES_OF_ANOTHER):
        count_starts(second)
    assert count_starts(moved) == 2
    destroy(second)
    assert databases.exists()
    destroy(moved)
    assert not databases.parent.exists()


@as_root
def test_databases_outside_that_are_gone_are_not_made_anew(private: Path) -> None:
    original = private / "original"
    assert count_starts(original) == 1
    backup = copy(original, private / "backup")
    destroy(original)
    with refused(Fault.DATABASES_GONE):
        count_starts(backup)

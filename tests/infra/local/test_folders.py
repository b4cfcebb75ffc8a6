"""Data folders: modes, memory, secrets."""

import stat
from pathlib import Path

import pytest

from infra.local.errors import DamagedState, Fault
from infra.local.folders import DataFolder, get_default_root, write_private
from infra.local.lock import take_lock
from tests.infra.refusals import refused


def get_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_default_roots() -> None:
    assert get_default_root({"HOME": "/home/a"}, 0) == Path("/var/lib/tokend")
    assert get_default_root({"HOME": "/home/a"}, 1) == Path("/home/a/.local/share/tokend")
    data_home = {"HOME": "/home/a", "XDG_DATA_HOME": "/data"}
    assert get_default_root(data_home, 1) == Path("/data/tokend")
    # The specification: relative paths are to be ignored.
    relative = {"HOME": "/home/a", "XDG_DATA_HOME": "data"}
    assert get_default_root(relative, 1) == Path("/home/a/.local/share/tokend")


@pytest.mark.parametrize(("is_shared", "mode"), [(False, 0o700), (True, 0o711)])
def test_only_the_root_may_be_passed_through(tmp_path: Path, is_shared: bool, mode: int) -> None:
    folder = DataFolder(tmp_path / "deep" / "data")
    folder.make(is_shared=is_shared)
    folder.make(is_shared=is_shared)
    assert get_mode(folder.root) == mode
    assert {get_mode(path) for path in folder.root.iterdir()} == {0o700}


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with refused(Fault.FOREIGN_FILES):
        DataFolder(tmp_path).make(is_shared=False)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_folder_whose_first_start_was_interrupted_is_taken(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.make(is_shared=False)
    take_lock(folder.lock_file).release()
    folder.make(is_shared=False)
    (tmp_path / "thesis.txt").write_text("mine")
    with refused(Fault.FOREIGN_FILES):
        folder.make(is_shared=False)


@pytest.mark.parametrize("name", ["100%", "a #b", "a\nb", "x,y", "a\tb", "a\udcffb"])
def test_a_path_the_supervisor_cannot_be_told_is_refused(tmp_path: Path, name: str) -> None:
    with refused(Fault.UNUSABLE_NAME):
        DataFolder(tmp_path / name).make(is_shared=False)


def test_a_folder_that_cannot_be_made_is_refused() -> None:
    with refused(Fault.NOT_WRITABLE):
        DataFolder(Path("/proc/none")).make(is_shared=False)


def test_state_is_remembered(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    state = folder.load_state()
    assert len(state.kafka_cluster_id) == 22
    assert folder.load_state().kafka_cluster_id != state.kafka_cluster_id
    state.ports["kafka"] = 20000
    folder.save_state(state)
    assert folder.load_state() == state
    folder.state_file.write_text("{")
    with refused(Fault.DAMAGED_STATE):
        folder.load_state()


def test_secrets_are_made_once_and_private(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=True)
    secret = folder.get_secret("a")
    assert len(secret) >= 43
    assert folder.get_secret("a") == secret != folder.get_secret("b")
    file = folder.get_secret_file("seed", lambda: "S-sample")
    assert file.read_text() == "S-sample\n"
    assert {get_mode(path) for path in folder.secrets.iterdir()} == {0o600}


def test_private_files_replace_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, b"new")
    assert (file.read_bytes(), get_mode(file)) == (b"new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_of_an_older_version_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.make(is_shared=False)
    state = folder.load_state()
    folder.save_state(state)
    text = folder.state_file.read_text()
    folder.state_file.write_text(text.replace(f'"version": {state.version}', '"version": 2'))
    with pytest.raises(DamagedState):
        folder.load_state()

"""Space on a deployment's disks. Full ones are tried in tests/integration/test_disk_full.py."""

from pathlib import Path

from infra.local.disks import FREE_BYTES_MIN, FREE_FILES_MIN, Disk, get_disk, get_disks
from infra.local.folders import DataFolder
from infra.local.place import Place
from infra.local.table import TABLE


def test_a_disk_with_little_space_is_a_problem_that_says_where() -> None:
    folder = Path("/somewhere/kafka")
    assert Disk(folder, FREE_BYTES_MIN).problem is None
    problem = Disk(folder, FREE_BYTES_MIN - 1).problem
    assert problem is not None
    assert "the disk of /somewhere/kafka is full" in problem
    assert "make space" in problem


def test_every_server_s_disk_and_that_of_the_logs_is_watched(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "deployment")
    folder.make(is_shared=False)
    place = Place(folder)
    own = {
        folder.root / each
        for each in ("postgres", "keychain-postgres", "s3", "btcd", "anvil", "sandbox")
    }
    for each in own:
        each.mkdir()
    disks = get_disks(place, TABLE.servers)
    written = {folder.kafka, folder.logs, *own}
    assert {disk.folder for disk in disks} == written
    assert all(disk.free_bytes for disk in disks)


def test_a_file_system_without_limits_is_never_full() -> None:
    assert get_disk(Path("/proc/none")) == Disk(Path("/proc/none"), None, None)
    assert get_disk(Path("/proc/none")).problem is None


def test_a_disk_without_inodes_is_a_problem_too() -> None:
    problem = Disk(Path("/somewhere"), FREE_BYTES_MIN, FREE_FILES_MIN - 1).problem
    assert problem is not None
    assert "inodes" in problem
    assert Disk(Path("/somewhere"), FREE_BYTES_MIN, FREE_FILES_MIN).problem is None

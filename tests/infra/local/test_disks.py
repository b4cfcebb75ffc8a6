"""Space on a deployment's disks. Full ones are tried in tests/integration/test_disk_full.py."""

from pathlib import Path

from infra.local.disks import FREE_BYTES_MIN, Disk, get_disks
from infra.local.folders import DataFolder
from infra.local.place import Place


def test_a_disk_with_little_space_is_a_problem_that_says_where() -> None:
    folder = Path("/somewhere/kafka")
    assert Disk(folder, FREE_BYTES_MIN).problem is None
    problem = Disk(folder, FREE_BYTES_MIN - 1).problem
    assert problem is not None
    assert "the disk of /somewhere/kafka is full" in problem
    assert "make space" in problem


def test_the_disks_of_all_that_writes_are_looked_at(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "deployment")
    folder.make(is_shared=False)
    place = Place(folder)
    databases = tmp_path / "databases"
    databases.mkdir()
    place.state.postgres_folder = str(databases)
    disks = get_disks(place)
    assert [disk.folder for disk in disks] == [folder.kafka, databases, folder.logs]
    assert all(disk.free_bytes > 0 for disk in disks)

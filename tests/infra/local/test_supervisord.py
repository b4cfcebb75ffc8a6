"""Logs come back by themselves, are never unbounded, and failures are silent but counted."""

import shutil
from pathlib import Path

import pytest
from supervisor import loggers

from infra.local.supervisord import LOOK_S, LogFile

BYTES_MAX = 1000
LINE = b"x" * 99 + b"\n"


def make_log(path: Path) -> loggers.Logger:
    handler = LogFile(str(path), "a", BYTES_MAX, 2)
    handler.setFormat("%(message)s")
    handler.setLevel(loggers.LevelsByName.INFO)
    return loggers.Logger(handlers=[handler])


def write(log: loggers.Logger, lines: int) -> None:
    for _ in range(lines):
        log.info(LINE)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that a log sees."""
    now = [0.0]
    monkeypatch.setattr("infra.local.supervisord.time.monotonic", lambda: now[0])
    return now


def test_it_rotates(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    log = make_log(file)
    write(log, 45)
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.log", "a.log.1", "a.log.2"]
    assert file.stat().st_size == 500
    assert (tmp_path / "a.log.2").stat().st_size == 1000


def test_a_rotation_that_fails_begins_the_file_anew(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    for number in (1, 2):
        (tmp_path / f"a.log.{number}").mkdir()
        (tmp_path / f"a.log.{number}" / "x").touch()
    log = make_log(file)
    write(log, 45)
    log.close()
    assert file.stat().st_size == 500


def test_a_folder_that_is_gone_comes_back(tmp_path: Path, clock: list[float]) -> None:
    file = tmp_path / "logs" / "a.log"
    log = make_log(file)
    write(log, 1)
    shutil.rmtree(file.parent)
    clock[0] += LOOK_S
    write(log, 2)
    log.close()
    assert file.read_bytes() == LINE * 2


def test_a_rotation_without_a_folder_comes_back(tmp_path: Path) -> None:
    file = tmp_path / "logs" / "a.log"
    log = make_log(file)
    write(log, 9)
    shutil.rmtree(file.parent)
    write(log, 6)
    log.close()
    assert file.read_bytes() == LINE * 5


def test_what_does_not_fit_on_the_disk_is_counted(
    tmp_path: Path, clock: list[float], capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.log"
    file.symlink_to("/dev/full")
    log = make_log(file)
    write(log, 3)
    file.unlink()
    clock[0] += LOOK_S
    write(log, 1)
    log.close()
    assert file.read_bytes() == b"tokend: 300 bytes of this log are lost\n" + LINE
    assert capfd.readouterr() == ("", "")

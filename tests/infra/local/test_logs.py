"""Tails of logs, also while they grow and rotate."""

from pathlib import Path

from infra.local.errors import Fault
from infra.local.logs import follow, get_log_file, get_tail
from tests.infra.refusals import refused


def test_tail(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    assert get_tail(file) == ()
    file.write_text("".join(f"{n}\n" for n in range(100_000)))
    assert get_tail(file, 3) == ("99997", "99998", "99999")
    assert get_tail(file, 0) == ()
    file.write_bytes(b"\xff broken\nlast without end")
    assert get_tail(file, 5) == ("\ufffd broken", "last without end")


def test_follow_sees_each_line_once_across_a_rotation(tmp_path: Path) -> None:
    file = tmp_path / "a.log"
    file.write_text("1\n2\n3\nhal")
    lines = follow(file, 2)
    assert [next(lines), next(lines)] == ["2", "3"]
    with file.open("a") as stream:
        stream.write("f\n4\n")
    assert [next(lines), next(lines)] == ["half", "4"]
    with file.open("a") as stream:
        stream.write("5\n")
    file.rename(tmp_path / "a.log.1")
    file.write_text("6\n")
    assert [next(lines), next(lines)] == ["5", "6"]


def test_an_unknown_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "secret.log").write_text("x")
    with refused(Fault.UNKNOWN_NAME):
        get_log_file(tmp_path / "logs", "kafka")
    (tmp_path / "logs" / "kafka.log").write_text("x")
    assert get_log_file(tmp_path / "logs", "kafka").read_text() == "x"
    with refused(Fault.UNKNOWN_NAME):
        get_log_file(tmp_path / "logs", "../secret")

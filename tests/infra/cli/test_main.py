"""How the command answers: quickly, in one line, with documented exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.cli import main, output
from infra.local.errors import Fault
from infra.local.rows import Program, Table

TOKEND = Path(sys.executable).with_name("tokend")


def tokend(*arguments: str, **options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(TOKEND), *arguments],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/nonexistent", **options},
    )


def test_help_names_every_verb() -> None:
    done = tokend("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for verb in (
        "up",
        "down",
        "destroy",
        "status",
        "logs",
        "run",
        "migrate",
        "doctor",
        "config",
        "demo",
        "replay",
        "keys",
        "tx",
        "pay",
    ):
        assert f" {verb} " in done.stdout
    assert "Exit codes: 0 done; 1" in done.stdout
    assert tokend().stdout == done.stdout


def test_help_loads_nothing_heavy() -> None:
    """What makes --help slow on a busy machine is what it imports."""
    script = "import sys, infra.cli.main; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    heavy = {"psycopg", "confluent_kafka", "faust", "asyncio", "uvicorn", "starlette", "nacl"}
    assert not heavy & set(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["upp"], output.WRONG_USAGE, "no such command 'upp'. Did you mean 'up'?"),
        (["up", "--profile", "x"], output.WRONG_USAGE, "choose among servers, core,"),
        (["run", "core"], output.WRONG_USAGE, "missing option '--config'"),
        (["config"], output.WRONG_USAGE, "missing command"),
        (["status", "--data", "/nonexistent"], output.NOT_RUNNING, "there is no data folder"),
        (["down", "--data", "/nonexistent"], output.NOT_RUNNING, "start with `tokend up`"),
        (["destroy", "--data", "/nonexistent"], output.NOT_RUNNING, "there is no data folder"),
        (["migrate", "--data", "/nonexistent"], output.NOT_RUNNING, "there is no data folder"),
        (["logs", "kafka", "--data", "/nonexistent"], output.FAILED, "there is no data folder"),
        (["up", "--data", "/proc/x"], output.FAILED, "name another one by --data"),
        (["run", "nonsense", "--config", "x"], output.FAILED, "there is no service 'nonsense'"),
    ],
)
def test_errors_are_one_line_with_a_code(arguments: list[str], code: int, expected: str) -> None:
    done = tokend(*arguments)
    assert done.returncode == code
    assert done.stdout == ""
    assert done.stderr.startswith("tokend: ")
    assert done.stderr.count("\n") == 1
    assert expected in done.stderr

    if arguments[0] not in ("run", "config"):
        done = tokend(*arguments, "--json")
        assert done.returncode == code
        told = json.loads(done.stdout)
        assert expected in told["error"]
        assert (told["code"] == Fault.NOT_RUNNING) == (code == output.NOT_RUNNING)


def test_what_nobody_foresaw_is_one_line_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setattr(sys, "argv", ["tokend", "status"])
    with pytest.raises(SystemExit, match=str(output.FAILED)):
        main.main()
    told = capsys.readouterr().err
    assert told == (
        "tokend: unexpected ZeroDivisionError: a b: run `tokend --debug ...` for the details\n"
    )
    monkeypatch.setattr(sys, "argv", ["tokend", "--debug", "status"])
    with pytest.raises(ZeroDivisionError):
        main.main()


GOOD = 'name = "a"\nport = 1\nbootstrap_servers = "x"\n'


@pytest.fixture
def sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with the sample service, as if it were one of ours."""
    program = "tests.infra.sample_service:"
    table = Table(
        tiers=(),
        profiles={},
        programs={"sample": Program(f"{program}SampleSettings", f"{program}run")},
    )
    monkeypatch.setattr("infra.local.table.TABLE", table)


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["tokend", *arguments])
    with pytest.raises(SystemExit) as caught:
        main.main()
    return int(caught.value.code or 0)


@pytest.mark.usefixtures("sample")
def test_config_check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_text(GOOD)
    assert run_main(monkeypatch, "config", "check", "sample", "--config", str(file)) == 0
    assert capsys.readouterr().out == f"{file} is good for sample\n"
    arguments = ("config", "check", "sample", "--config", str(file), "--json")
    assert run_main(monkeypatch, *arguments) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True

    monkeypatch.setenv("TOKEND_PORT", "many")
    assert run_main(monkeypatch, *arguments) == output.WRONG_USAGE
    assert json.loads(capsys.readouterr().out)["error"] == (
        "TOKEND_PORT: expected `int`, got `str`: correct its value"
    )


@pytest.mark.usefixtures("sample")
def test_run_gives_the_service_its_settings_and_shows_its_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "a.toml"
    file.write_text(GOOD + "fails = true\n")
    monkeypatch.setattr(sys, "argv", ["tokend", "run", "sample", "--config", str(file)])
    with pytest.raises(RuntimeError, match="the sample was told to fail"):
        main.main()


def test_doctor_looks_at_the_machine(tmp_path: Path) -> None:
    done = tokend("doctor", "--data", str(tmp_path), "--json")
    checks = {check["check"]: check for check in json.loads(done.stdout)}
    assert done.returncode == (0 if all(c["ok"] for c in checks.values()) else output.FAILED)
    for name in ("system", "Python", "packages", "Java", "Kafka", "PostgreSQL", "data folder"):
        assert checks[name]["ok"], checks[name]
    (tmp_path / "file").touch()
    root = tmp_path / "file" / "x"
    done = tokend("doctor", "--data", str(root))
    assert done.returncode == output.FAILED
    assert f"NOT data folder  {root}: name a folder you may write to by --data" in done.stdout

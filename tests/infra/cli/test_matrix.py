"""Every verb without a terminal, with closed descriptors, in ASCII, without a home: one helpful
line, the right exit code, nothing on standard output but what was asked for.
"""

import os
import pty
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateways.client.keys import generate_key, get_address, get_seed
from infra.cli import output
from infra.local.folders import get_default_root
from tests.infra.cli.test_main import TOKEND

NOWHERE = "/nonexistent/Zürich[old]"
ENVELOPE = "AAAA"
ADDRESS = get_address(generate_key())
BALANCE = "BALANCE"
TO = ("--from", ADDRESS, "--to", ADDRESS, "--amount", "1", "--asset", "A")

# Arguments by verb, with the exit code. {seed}: a file with a seed; {new}: one that is not there.
VERBS: dict[str, tuple[tuple[str, ...], int]] = {
    "help": (("--help",), 0),
    "help of a verb": (("up", "--help"), 0),
    "no such verb": (("upp",), output.WRONG_USAGE),
    "up": (("up", "--data", "/proc/Zürich"), output.FAILED),
    "down": (("down", "--data", NOWHERE), output.NOT_RUNNING),
    "destroy": (("destroy", "--data", NOWHERE), output.NOT_RUNNING),
    "status": (("status", "--data", NOWHERE), output.NOT_RUNNING),
    "logs": (("logs", "kafka", "--data", NOWHERE), output.FAILED),
    "migrate": (("migrate", "--data", NOWHERE), output.NOT_RUNNING),
    "replay": (("replay", "--data", NOWHERE), output.NOT_RUNNING),
    "run": (("run", "core", "--config", NOWHERE), output.WRONG_USAGE),
    "config check": (("config", "check", "core", "--config", NOWHERE), output.WRONG_USAGE),
    "demo": (("demo", "--nothing"), output.WRONG_USAGE),
    "containers prepare": (("containers", "prepare", "--data", "/proc/ü"), output.FAILED),
    "keys new": (("keys", "new"), 0),
    "keys new, in JSON": (("keys", "new", "--json"), 0),
    "keys new, in a file": (("keys", "new", "--out", "{new}"), 0),
    "keys show": (("keys", "show", "--seed-file", "{seed}"), 0),
    "keys show, without a seed": (("keys", "show"), output.FAILED),
    "tx build": (("tx", "build", *TO), output.FAILED),
    "tx sign": (("tx", "sign", ENVELOPE, "--seed-file", "{seed}"), output.FAILED),
    "tx sign, of nothing": (("tx", "sign", "-", "--seed-file", "{seed}"), output.FAILED),
    "tx submit": (("tx", "submit", ENVELOPE), output.FAILED),
    "tx show": (("tx", "show", ENVELOPE), output.FAILED),
    "tx preview": (("tx", "preview", ENVELOPE), output.FAILED),
    "pay": (("pay", ADDRESS, "1", "A"), output.FAILED),
    "account": (("account", ADDRESS), output.FAILED),
    "history": (("history", ADDRESS), output.FAILED),
    "statement": (("statement", BALANCE), output.FAILED),
    "quorum check": (("quorum", "check", NOWHERE), output.FAILED),
    "node add": (("node", "add", "--data", NOWHERE), output.NOT_RUNNING),
    "vote show": (("vote", "show", "--data", NOWHERE), output.NOT_RUNNING),
    "plan": (("plan", NOWHERE), output.FAILED),
    "apply": (("apply", NOWHERE, "--seed-file", "{seed}"), output.FAILED),
    "export platform": (("export", "platform", NOWHERE), output.FAILED),
    "verify-proof": (("verify-proof", BALANCE), output.FAILED),
}


@dataclass(frozen=True)
class Condition:
    """How a shell redirects, and what is different in the environment (None: it is not there)."""

    redirection: str = "</dev/null"
    environment: tuple[tuple[str, str | None], ...] = ()
    keeps_stdout: bool = True


CONDITIONS = {
    "no terminal, no home, ASCII": Condition(
        environment=(("HOME", None), ("PYTHONIOENCODING", "ascii"))
    ),
    "a relative home, Latin-1": Condition(
        environment=(("HOME", "here"), ("PYTHONIOENCODING", "latin-1"))
    ),
    "no standard input or error": Condition("<&- 2>&-"),
    "no standard output": Condition(">&-", keeps_stdout=False),
    "a full disk for standard output": Condition(">/dev/full", keeps_stdout=False),
    "none of the three": Condition("<&- >&- 2>&-", keeps_stdout=False),
}


def run(verb: str, condition: Condition, folder: Path) -> "subprocess.CompletedProcess[str]":
    files = {"seed": str(folder / "seed"), "new": str(folder / f"{abs(hash((verb, condition)))}")}
    arguments = [each.format(**files) if "{" in each else each for each in VERBS[verb][0]]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    for name, value in condition.environment:
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {condition.redirection}', "sh", str(TOKEND), *arguments],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd=folder,
        env=environment,
        start_new_session=True,  # without a terminal
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("matrix")
    (folder / "seed").write_text(get_seed(generate_key()))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDITIONS)
def test_a_third_of_the_verbs(name: str, folder: Path) -> None:
    """Another third under the next condition: each verb under two of them."""
    assert_helpful(list(VERBS)[list(CONDITIONS).index(name) % 3 :: 3], CONDITIONS[name], folder)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.parametrize("name", CONDITIONS)
def test_every_verb(name: str, folder: Path) -> None:
    assert_helpful(list(VERBS), CONDITIONS[name], folder)


def assert_helpful(verbs: list[str], condition: Condition, folder: Path) -> None:
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        done = dict(zip(verbs, pool.map(lambda v: run(v, condition, folder), verbs), strict=True))
    for verb, result in done.items():
        code = VERBS[verb][1]
        if code == 0 and not condition.keeps_stdout:
            code = output.FAILED  # nobody has the result
        assert (verb, result.returncode) == (verb, code), result.stderr
        assert "Traceback" not in result.stderr
        assert "unexpected" not in result.stderr
        if code == 0:
            assert result.stdout, verb
            assert result.stderr == "", verb
        else:
            assert result.stdout == "", verb
            if "2>&-" not in condition.redirection:
                assert result.stderr.startswith("tokend: "), verb
                assert result.stderr.count("\n") == 1, result.stderr


@pytest.mark.parametrize("arguments", [["doctor", "--json"], ["keys", "new", "--json"], ["--help"]])
def test_a_reader_that_goes_away_is_no_accident(arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [str(TOKEND), *arguments], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (output.FAILED, "")


def test_at_a_terminal_the_seed_is_asked_for_there() -> None:
    """And not on standard output, which is a pipe."""
    key = generate_key()
    controller, terminal = pty.openpty()
    command = ["setsid", "--ctty", str(TOKEND), "keys", "show", "--json"]
    with subprocess.Popen(
        command, stdin=terminal, stdout=subprocess.PIPE, stderr=terminal
    ) as asking:
        os.close(terminal)
        asked = b""
        while b"Seed" not in asked:
            asked += os.read(controller, 1000)
        os.write(controller, get_seed(key).encode() + b"\n")
        assert asking.stdout is not None
        assert get_address(key).encode() in asking.stdout.read()
        assert asking.wait(30) == 0
    os.close(controller)


def test_a_relative_home_is_not_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    root = get_default_root({"HOME": "here"}, os.getuid() or 65534)
    assert root.is_absolute()
    assert not root.is_relative_to(folder)

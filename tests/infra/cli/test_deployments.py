"""The life of a deployment by the command line, as root and as an ordinary user."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.cli import output
from infra.local import processes
from infra.local.errors import Fault
from infra.local.folders import PROJECT
from tests.infra.cli.test_main import TOKEND, tokend
from tests.support.servers import make_folder

pytestmark = pytest.mark.servers


def test_up_status_logs_down_destroy(root: Path) -> None:
    data = ("--data", str(root))
    up = tokend("up", "--profile", "servers", *data, "--detach", "--json")
    assert up.returncode == 0, up.stderr
    endpoints = json.loads(up.stdout)
    assert endpoints == json.loads((root / "endpoints.json").read_text())
    assert endpoints["profile"] == "servers"
    assert re.search(r"all is ready after \d+\.\d s\n$", up.stderr)

    again = tokend("up", "--profile", "servers", *data, "--json")
    assert again.returncode == output.ALREADY_RUNNING
    supervisor = json.loads(tokend("status", *data, "--json").stdout)["supervisor"]
    told = json.loads(again.stdout)
    assert told["code"] == Fault.ALREADY_RUNNING
    assert f"{root} (process {supervisor})" in told["error"]

    status = tokend("status", *data)
    assert status.returncode == 0
    assert re.search(r"kafka +(running|starting) +\d+ +\d+ s", status.stdout)
    logs = tokend("logs", "postgres", *data)
    assert "database system is ready to accept connections" in logs.stdout
    line = tokend("logs", "kafka", *data, "--lines", "1", "--json").stdout
    assert json.loads(line)["process"] == "kafka"
    migrated = tokend("migrate", *data)
    assert migrated.stdout == "all databases were up to date\n"

    refused = tokend("destroy", *data, "--json")
    assert refused.returncode == output.FAILED
    assert json.loads(refused.stdout)["code"] == Fault.UNCONFIRMED
    assert (
        tokend("down", *data, "--json").stdout
        == json.dumps({"stopped": str(root)}, indent=2) + "\n"
    )
    assert processes.find_processes(root) == []
    down = tokend("status", *data)
    assert (down.returncode, down.stdout) == (output.NOT_RUNNING, "")
    assert tokend("logs", "kafka", *data).returncode == 0

    assert tokend("up", "--profile", "servers", *data, "--detach").returncode == 0
    assert tokend("destroy", *data, "--yes").returncode == 0
    assert processes.find_processes(root) == []
    assert not root.exists()


def test_a_process_that_cannot_run_shows_in_the_status(root: Path) -> None:
    data = ("--data", str(root))
    assert tokend("up", "--profile", "servers", *data, "--detach").returncode == 0
    settings = root / "postgres" / "postgresql.conf"
    settings.write_text(settings.read_text() + "nonsense\n")
    processes_now = json.loads(tokend("status", *data, "--json").stdout)["processes"]
    postgres = next(p for p in processes_now if p["name"] == "postgres")
    processes.send_signal(postgres["process_id"], signal.SIGKILL)

    def is_told() -> bool:
        done = tokend("status", *data, "--json")
        errors = {p["name"]: p["error"] for p in json.loads(done.stdout)["processes"]}
        return done.returncode == output.FAILED and errors["postgres"] is not None

    assert processes.wait_until(is_told, 30)
    assert tokend("down", *data).returncode == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_up_in_the_foreground_ends_by_a_signal(root: Path, sent: signal.Signals) -> None:
    command = [str(TOKEND), "up", "--profile", "servers", "--data", str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            if "Ctrl-C stops it" in line:
                break
        up.send_signal(sent)
        # Impatience does no harm: it stops in order all the same.
        up.send_signal(sent)
        rest = up.stderr.read()
    assert rest == "tokend: stopping\ntokend: stopped\n"
    assert up.returncode == 0
    assert processes.find_processes(root) == []


def test_up_interrupted_while_it_starts_says_so(root: Path) -> None:
    command = [str(TOKEND), "up", "--profile", "servers", "--data", str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as up:
        assert processes.wait_until(lambda: len(processes.find_processes(root)) > 0, 20)
        up.send_signal(signal.SIGINT)
        assert up.wait(60) == output.INTERRUPTED
    assert processes.find_processes(root) == []


def test_up_in_the_foreground_sees_that_others_stop_it(root: Path) -> None:
    command = [str(TOKEND), "up", "--profile", "servers", "--data", str(root)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            if "Ctrl-C stops it" in line:
                break
        assert tokend("down", "--data", str(root)).returncode == 0
        assert up.wait(30) == 0


def link(source: Path, target: Path) -> None:
    """Copies a folder by hard links where possible, so that it costs little."""
    if subprocess.run(["cp", "-al", source, target], check=False).returncode != 0:
        shutil.rmtree(target, ignore_errors=True)
        subprocess.run(["cp", "-a", source, target], check=True)


def become(user: int) -> dict[str, Any]:
    """How to start a process as `user`; only root can become another."""
    return {} if user == os.getuid() else {"user": user, "group": user, "extra_groups": []}


def find_python(user: int, parent: Path) -> str:
    """An interpreter of this version that `user` may run: the one we run may be in our home, and
    then there may be none but a copy in `parent`."""
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (os.path.realpath(sys.executable), f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        with contextlib.suppress(OSError):
            subprocess.run([python, "--version"], check=True, **become(user))
            return python
    link(Path(sys.base_prefix), parent / "python")
    return str(parent / "python/bin" / name)


def make_clone(parent: Path, python: str) -> Path:
    """This clone, set up, at another place: what git and `make setup` would make there."""
    clone = parent / "tokend"
    clone.mkdir()
    rooms = ("schemas", "streams", "processors", "gateways", "infra")
    for name in (".cache", *rooms, "pyproject.toml", "requirements.lock"):
        link(PROJECT / name, clone / name)
    subprocess.run([python, "-m", "venv", "--without-pip", str(clone / ".venv")], check=True)
    packages = Path(psycopg.__file__).parents[1]
    copied = clone / ".venv" / packages.relative_to(PROJECT / ".venv")
    copied.rmdir()
    link(packages, copied)
    link(PROJECT / ".venv/bin/weed", clone / ".venv/bin/weed")
    return clone


def run_in(clone: Path, user: int, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """The command of the clone, which needs its own folder first on the path: the copied
    packages point to the original."""
    return subprocess.run(
        [str(clone / ".venv/bin/python"), "-m", "infra.cli.main", *arguments],
        cwd=clone,
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(clone.parent / "home"),
            "LD_LIBRARY_PATH": str(clone.parent / "python/lib"),  # of an interpreter copied there
        },
        **become(user),
    )


@pytest.fixture
def parent() -> Iterator[Path]:
    folder = make_folder()
    yield folder
    shutil.rmtree(folder)


def test_a_clone_nobody_else_may_enter_works(parent: Path, root: Path) -> None:
    parent.chmod(0o700)
    clone = make_clone(parent, sys.executable)
    data = ("--data", str(root))
    up = run_in(clone, os.getuid(), "up", "--profile", "servers", *data, "--detach")
    assert up.returncode == 0, up.stderr
    commands = [Path("/proc", str(p), "cmdline") for p in processes.find_processes(root)]
    jars = str(clone / ".cache/kafka/libs").encode()
    assert any(jars in command.read_bytes() for command in commands)
    assert run_in(clone, os.getuid(), "down", *data).returncode == 0
    assert processes.find_processes(root) == []


def test_an_ordinary_user_needs_no_root(parent: Path) -> None:
    user = os.getuid() or 65534
    parent.chmod(0o755)
    clone = make_clone(parent, find_python(user, parent))
    home = parent / "home"
    home.mkdir(mode=0o700)
    shutil.chown(home, user)
    root = home / ".local/share/tokend"
    try:
        up = run_in(clone, user, "up", "--profile", "servers", "--detach")
        assert up.returncode == 0, up.stderr
        assert root.stat().st_mode & 0o777 == 0o700
        found = processes.find_processes(root)
        assert {Path("/proc", str(p)).stat().st_uid for p in found} == {user}
        status = run_in(clone, user, "status", "--json")
        assert len(json.loads(status.stdout)["processes"]) == 4
        assert run_in(clone, user, "down").returncode == 0
        assert run_in(clone, user, "destroy", "--yes").returncode == 0
        assert not root.exists()
    finally:
        processes.end_processes(root)

"""What the verbs say of a deployment that is starting, unreachable, robbed or out of space."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from infra.cli import output
from infra.local import processes
from tests.infra.cli.test_main import TOKEND, tokend
from tests.infra.local.test_environment import HOSTILE
from tests.integration.disk_full import get_namespace_command

pytestmark = pytest.mark.servers


def up(root: Path, profile: str = "servers", **options: str) -> None:
    done = tokend("up", "--profile", profile, "--data", str(root), "--detach", **options)
    assert done.returncode == 0, done.stderr


def test_status_tells_starting_from_running(root: Path) -> None:
    """From the first moment of the first start on; whatever it says is no accident."""
    seen = []
    data = ("--data", str(root))
    command = [str(TOKEND), "up", "--profile", "servers", *data, "--detach", "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as starting:
        while starting.poll() is None:
            done = tokend("status", *data, "--json")
            answer = json.loads(done.stdout)
            assert "unexpected" not in answer.get("error", "")
            seen.append((done.returncode, answer.get("state")))
    done = tokend("status", *data, "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "running")
    assert {code for code, state in seen if state == "starting"} <= {output.FAILED}
    assert {code for code, _ in seen} <= {0, output.FAILED, output.NOT_RUNNING}
    assert output.FAILED in {code for code, _ in seen}


def test_without_its_socket_it_is_unreachable_and_can_be_stopped(root: Path) -> None:
    up(root)
    shutil.rmtree(root / "supervisor")
    done = tokend("status", "--data", str(root))
    assert (done.returncode, done.stdout) == (output.FAILED, "")
    assert "control socket" in done.stderr
    assert tokend("up", "--data", str(root)).returncode == output.ALREADY_RUNNING
    assert tokend("down", "--data", str(root)).returncode == 0
    assert processes.find_processes(root) == []
    assert tokend("status", "--data", str(root)).returncode == output.NOT_RUNNING


def test_without_its_logs_it_is_seen_and_they_come_back(root: Path) -> None:
    up(root)
    shutil.rmtree(root / "logs")
    assert tokend("status", "--data", str(root)).returncode == 0
    states = json.loads(tokend("status", "--data", str(root), "--json").stdout)["processes"]
    database = next(each for each in states if each["name"] == "postgres")
    os.kill(database["process_id"], 1)  # it reloads its settings and says so
    assert processes.wait_until((root / "logs" / "postgres.log").exists, 30)


def test_the_environment_does_not_reach_what_runs(root: Path) -> None:
    up(root, "core", **HOSTILE)
    status = tokend("status", "--data", str(root), "--json", **HOSTILE)
    assert status.returncode == 0
    assert tokend("migrate", "--data", str(root), **HOSTILE).returncode == 0
    for process_id in processes.find_processes(root):
        environment = Path("/proc", str(process_id), "environ").read_bytes().split(b"\0")
        names = {entry.partition(b"=")[0].decode() for entry in environment}
        assert names & HOSTILE.keys() == set()


def test_out_of_inodes_is_a_full_disk(root: Path) -> None:
    data = root / "data"
    script = f"mount -t tmpfs -o nr_inodes=60 tmpfs {root} && exec {TOKEND} up --data {data}"
    command = [*get_namespace_command(), "sh", "-c", f"{script} --profile servers"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == output.FAILED
    assert "has no inodes left" in done.stderr
    assert "unexpected" not in done.stderr

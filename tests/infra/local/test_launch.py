"""A deployment with services: order, readiness, restart, failure, interruption, leftovers."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from confluent_kafka.admin import AdminClient

from gateways.client.ingest import read_login
from infra.local import kafka, kafka_admin, launch, postgres, processes, shutdown
from infra.local.errors import AlreadyRunning, Fault, NotRunning
from infra.local.folders import PROJECT
from infra.local.health import get_status, is_healthy
from infra.local.lock import get_holder, is_locked
from infra.local.rows import Table
from infra.local.supervisor import Control, get_socket
from tests.infra.refusals import refused
from tests.infra.sample_service import make_table
from tests.support.servers import SERVERS_ONLY, make_folder

pytestmark = pytest.mark.servers


def ignore(line: str) -> None:
    """Where nobody wants to know of the progress."""


@contextlib.contextmanager
def started(root: Path, table: Table, profile: str = "all") -> Iterator[launch.RunningDeployment]:
    running = asyncio.run(launch.start_deployment(root, table, profile, ignore))
    try:
        yield running
    finally:
        running.stop(ignore)
    assert processes.find_processes(root) == []
    assert not is_locked(root / "lock")


def test_services_start_in_order_and_serve(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEND_SEED", "S-never-to-be-seen")
    lines: list[str] = []
    table = make_table()
    running = asyncio.run(launch.start_deployment(root, table, "all", lines.append))
    place = running.place
    try:
        assert lines[-2:] == ["first is ready", "second is ready"]
        assert "database first: applied 0002_count_when" in lines
        states = {s.name: s.state for s in running.control.get_states()}
        assert set(states) == {"first", "second", "kafka", "postgres"}
        address = place.get_address("first.http")
        assert is_healthy(address, "/health")
        assert not is_healthy(address, "/nothing")
        assert get_status(address, "/status") == {"sequence": 7, "starts": 1}

        endpoints = json.loads(place.folder.endpoints_file.read_text())
        assert endpoints["services"]["first"]["url"] == f"http://{address}"
        assert endpoints["topics"] == ["events"]
        assert Path(endpoints["master_seed_file"]).read_text() == "S-sample\n"
        assert endpoints["kafka"]["password_file"] == str(place.folder.secrets / "kafka.users")
        assert kafka_admin.is_ready(read_login(endpoints).get_client_settings(), 10)
        client = AdminClient(kafka.get_administrator(place))
        assert "events" in client.list_topics(timeout=10).topics

        settings = place.get_settings_file("first")
        assert stat.S_IMODE(settings.stat().st_mode) == 0o600
        assert "TOKEND_SEED=None" in (place.folder.logs / "first.log").read_text()
    finally:
        running.stop(lines.append)
    assert lines[-2:] == ["stopping", "stopped"]
    assert processes.find_processes(root) == []
    assert not place.folder.endpoints_file.exists()


def test_a_profile_runs_only_its_tiers(root: Path) -> None:
    with started(root, make_table(), "one") as running:
        names = [state.name for state in running.control.get_states()]
        assert names == ["first", "kafka", "postgres"]


def test_a_killed_service_is_started_again_and_told(root: Path) -> None:
    with started(root, make_table()) as running:
        lines: list[str] = []

        async def kill_and_watch() -> None:
            watching = asyncio.create_task(launch.watch_deployment(running, lines.append))
            await asyncio.sleep(2)
            process_id = running.control.get_state("first").process_id
            processes.send_signal(process_id, signal.SIGKILL)
            async with asyncio.timeout(20):
                while not lines:
                    await asyncio.sleep(0.1)
            watching.cancel()

        asyncio.run(kill_and_watch())
        address = running.place.get_address("first.http")
        assert processes.wait_until(lambda: is_healthy(address, "/health"), 20)
        assert lines == ["first had ended and was started again"]
        assert get_status(address, "/status") == {"sequence": 7, "starts": 2}


def test_a_service_that_fails_ends_the_start_with_its_log(root: Path) -> None:
    with refused(Fault.PROCESS_ENDED) as caught:
        asyncio.run(launch.start_deployment(root, make_table(fails=True), "all", ignore))
    assert caught.value.details[-1] == "RuntimeError: the sample was told to fail"
    assert processes.find_processes(root) == []
    assert not is_locked(root / "lock")


def test_data_and_ports_stay_from_run_to_run(root: Path) -> None:
    with started(root, make_table(), "one") as running:
        ports = dict(running.place.state.ports)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", ports["kafka"]))
        other.listen()
        lines: list[str] = []
        running = asyncio.run(launch.start_deployment(root, make_table(), "one", lines.append))
        try:
            again = running.place.state.ports
            assert again["kafka"] != ports["kafka"]
            assert {**again, "kafka": 0} == {**ports, "kafka": 0}
            assert lines[0] == (
                f"port {ports['kafka']} is taken by another program: "
                f"kafka moves to {again['kafka']}"
            )
            address = running.place.get_address("first.http")
            assert get_status(address, "/status") == {"sequence": 7, "starts": 2}
        finally:
            running.stop(lines.append)


def test_a_second_start_is_refused(root: Path) -> None:
    with started(root, SERVERS_ONLY, "servers") as running:
        with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
            asyncio.run(launch.start_deployment(root, SERVERS_ONLY, "servers", ignore))
        assert {s.state for s in running.control.get_states()} <= {"STARTING", "RUNNING"}


STARTER = """
import asyncio, sys
from pathlib import Path
from infra.local import launch
from tests.support.servers import SERVERS_ONLY

async def main():
    start = launch.start_deployment(Path(sys.argv[1]), SERVERS_ONLY, "servers", print_line,
                             is_detached=sys.argv[2:] == ["detached"])
    running = await start
    print_line("ready")
    if sys.argv[2:]:
        running.detach()
    else:
        await asyncio.sleep(600)

def print_line(line):
    print(line, flush=True)

asyncio.run(main())
"""


def start_elsewhere(root: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STARTER, str(root), *arguments]
    return subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE, text=True)


def wait_for(process: "subprocess.Popen[str]", words: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if words in line:
            return
    pytest.fail(f"{words!r} was never said")


def test_when_the_starter_is_killed_all_ends_and_the_lock_is_free(root: Path) -> None:
    with start_elsewhere(root) as starter:
        wait_for(starter, "ready")
        assert len(processes.find_processes(root)) >= 3
        assert get_holder(root / "lock") == starter.pid
        starter.kill()
    assert processes.wait_until(lambda: not processes.find_processes(root), 30)
    with started(root, SERVERS_ONLY, "servers"):
        assert get_holder(root / "lock") == os.getpid()


def test_when_the_supervisor_is_killed_all_ends_and_a_new_start_works(root: Path) -> None:
    with started(root, SERVERS_ONLY, "servers") as running:
        running.supervisor.kill()
        with refused(Fault.SUPERVISOR_KILLED):
            asyncio.run(launch.watch_deployment(running, ignore))
        assert processes.wait_until(lambda: not processes.find_processes(root), 30)
    with started(root, SERVERS_ONLY, "servers"):
        pass


def test_what_a_killed_supervisor_left_is_ended_first(root: Path) -> None:
    with started(root, SERVERS_ONLY, "servers"):
        pass
    environment = {**os.environ, **processes.make_marks(root)}
    with subprocess.Popen(["sleep", "600"], env=environment) as left:
        lines: list[str] = []
        running = asyncio.run(launch.start_deployment(root, SERVERS_ONLY, "servers", lines.append))
        running.stop(lines.append)
        assert lines[0] == "ended 1 processes that a killed supervisor had left"
        assert left.wait(5) == -signal.SIGTERM


@pytest.mark.parametrize("delay_s", [0.0, 0.3, 0.6, 0.9, 1.3, 2.0, 3.0])
def test_interrupted_at_any_moment_nothing_is_left(root: Path, delay_s: float) -> None:
    """From before the supervisor runs until after all is ready; then the same folder works."""
    with start_elsewhere(root) as starter:
        with contextlib.suppress(subprocess.TimeoutExpired):
            starter.wait(0.4 + delay_s)
        starter.send_signal(signal.SIGINT)
        assert starter.wait(60) != 0
    assert processes.wait_until(lambda: not processes.find_processes(root), 30)
    assert not is_locked(root / "lock")
    if delay_s in (0.6, 1.3):
        with started(root, SERVERS_ONLY, "servers"):
            pass


def test_a_detached_deployment_lives_on_until_it_is_stopped(root: Path) -> None:
    with start_elsewhere(root, "detached") as starter:
        assert starter.wait(120) == 0
    place = shutdown.open_deployment(root)
    assert Control(place).get_process_id() == get_holder(root / "lock")
    with pytest.raises(AlreadyRunning):
        asyncio.run(launch.start_deployment(root, SERVERS_ONLY, "servers", ignore))
    shutdown.stop_deployment(shutdown.open_deployment(root), ignore)
    assert processes.find_processes(root) == []
    with pytest.raises(NotRunning):
        shutdown.stop_deployment(shutdown.open_deployment(root), ignore)


def test_a_deployment_can_be_stopped_while_it_starts(root: Path) -> None:
    with start_elsewhere(root) as starter:
        assert processes.wait_until((root / "state.json").exists, 20)
        shutdown.stop_deployment(shutdown.open_deployment(root), ignore)
        assert starter.wait(60) != 0
    assert processes.find_processes(root) == []


def test_destroy_deletes_everything(root: Path) -> None:
    with started(root, make_table(), "one") as running:
        url = running.place.get_database_url("first")
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM starts").fetchone() == (1,)
    shutdown.destroy_deployment(shutdown.open_deployment(root), SERVERS_ONLY.servers, ignore)
    assert not root.exists()
    with pytest.raises(NotRunning):
        shutdown.destroy_deployment(shutdown.open_deployment(root), SERVERS_ONLY.servers, ignore)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's PostgreSQL runs as another user")
def test_a_data_folder_nobody_else_may_enter_works_for_root(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    root = tmp_path / "data"
    with started(root, SERVERS_ONLY, "servers") as running:
        databases = postgres.get_folder(running.place)
        assert not databases.is_relative_to(tmp_path)
    with started(root, SERVERS_ONLY, "servers") as running:
        assert postgres.get_folder(running.place) == databases
    shutdown.destroy_deployment(shutdown.open_deployment(root), SERVERS_ONLY.servers, ignore)
    assert not databases.parent.exists()


def test_a_long_path_with_special_characters_works() -> None:
    parent = make_folder()
    parent.chmod(0o711)
    root = parent / ("a b;#Zürich\\\\n'\"$:key:😀[b]" + "x" * 90)
    try:
        with started(root, SERVERS_ONLY, "servers") as running:
            socket_folder = get_socket(running.place).parent
            assert not socket_folder.is_relative_to(root)
        assert not socket_folder.exists()
        assert [path.name for path in parent.iterdir()] == [root.name]
        assert (root / "kafka" / "meta.properties").exists()
    finally:
        shutil.rmtree(parent)

"""The supervisor's settings, and what its control answers when nothing runs."""

import configparser
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local import processes, supervisor
from infra.local.errors import NotRunning
from infra.local.folders import DataFolder
from infra.local.place import Place
from infra.local.supervisor import Control, Program


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    folder = DataFolder(tmp_path / "a b;#x")
    folder.make(is_shared=False)
    place = Place(folder)
    supervisor.choose_socket_folder(place)
    yield place
    supervisor.remove_socket_folder(place)


def test_settings(place: Place) -> None:
    command = ("/bin/echo", "a b", "100%", "it's")
    programs = [
        Program("kafka", "servers", 0, ("java",)),
        Program("postgres", "servers", 0, ("postgres",), stop_signal="INT"),
        Program("core1", "core", 1, command),
    ]
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(supervisor.encode_settings(place, programs))
    assert parser["group:servers"]["programs"] == "kafka,postgres"
    assert parser["group:core"]["priority"] == "1"
    assert parser["program:postgres"]["stopsignal"] == "INT"
    core = parser["program:core1"]
    assert core["autorestart"] == "unexpected"
    assert core["exitcodes"] == "65"  # what met something false stays down
    assert shlex.split(core["command"].replace("%%", "%")) == list(command)
    # Tried for at least a month, in pauses of at most some hours, before it is given up.
    tries = int(core["startretries"])
    assert sum(range(tries)) > 30 * 86_400
    assert tries < 3 * 3_600
    log = core["stdout_logfile"].replace("%%", "%")
    assert log == str(place.folder.logs / "core1.log")


def test_a_long_path_gets_its_socket_elsewhere(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / ("x" * 90))
    folder.make(is_shared=False)
    place = Place(folder)
    supervisor.choose_socket_folder(place)
    socket_folder = supervisor.get_socket(place).parent
    assert len(os.fsencode(socket_folder)) <= 90
    assert socket_folder.stat().st_mode & 0o777 == 0o700
    first = socket_folder
    supervisor.choose_socket_folder(place)
    assert supervisor.get_socket(place).parent != first
    first.rmdir()
    supervisor.remove_socket_folder(place)
    assert not supervisor.get_socket(place).parent.exists()


def test_settings_of_the_user_s_own_commands_reach_no_server(place: Place) -> None:
    environ = {"TOKEND_SEED": "S...", "PATH": "/bin", "PGOPTIONS": "x", "HTTP_PROXY": "x"}
    assert supervisor.get_environment(place, environ) == {
        "PATH": "/bin",
        "LC_ALL": "C.UTF-8",
        **processes.make_marks(place.folder.root),
    }


def test_nothing_runs(place: Place) -> None:
    with pytest.raises(NotRunning, match=r"nothing runs on .*: start it with `tokend up`"):
        Control(place).get_states()

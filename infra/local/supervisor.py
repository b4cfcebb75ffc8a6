"""The supervisor (supervisord, from PyPI) that keeps the processes of a deployment alive.

Writes its settings, starts it and talks to it over its unix socket. The caller decides which
processes there are and in which order they start.
"""

import http.client
import os
import resource
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import processes
from infra.local.environment import make_environment
from infra.local.errors import Fault, LocalError, NotRunning, Unreachable
from infra.local.folders import SOCKET_PATH_BYTES_MAX
from infra.local.lock import get_holder, is_locked
from infra.local.place import Place
from schemas.settings import EXIT_NOT_TRUE

ANSWER_S = 30.0
STOP_S = 20
SOCKETS = Path("/tmp")  # noqa: S108  # in folders of our own, mode 0700
LOG_BYTES = 10 * 1024 * 1024
LOG_FILES = 3

# What processes may open, as far as the machine lets them. Kept apart from supervisord's `minfds`,
# because it closes that many one by one in each child before that can receive a signal.
OPEN_FILES = 65536
MINFDS = 256


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process. Those of one `tier` start and stop together, lower `order` first."""

    name: str
    tier: str
    order: int
    command: tuple[str, ...]
    stop_signal: str = "TERM"


@dataclass(frozen=True, slots=True)
class ProcessState:
    """What the supervisor knows about a process. `state`: RUNNING, STOPPED, BACKOFF, FATAL, ..."""

    name: str
    tier: str
    state: str
    process_id: int
    uptime_s: int
    description: str


def choose_socket_folder(place: Place) -> None:
    """Makes the control socket's folder: in the data folder, unless its path would be too long.

    A folder elsewhere gets a new name every time, because others could have taken the old one. Its
    name also depends on the data folder's inode, so that a copy never finds the original's socket.
    """
    folder = place.folder.root / "supervisor"
    place.state.socket_name = ""
    if len(os.fsencode(folder)) > SOCKET_PATH_BYTES_MAX:
        place.state.socket_name = f"tokend-{secrets.token_hex(8)}"
        get_socket(place).parent.mkdir(mode=0o700)
    else:
        folder.mkdir(mode=0o700, exist_ok=True)


def get_socket(place: Place) -> Path:
    root, name = place.folder.root, place.state.socket_name
    if not name:
        return root / "supervisor" / "socket"
    return SOCKETS / f"{name}-{root.stat().st_ino}" / "socket"


def remove_socket_folder(place: Place) -> None:
    """Removes the socket's folder if it is not in the data folder."""
    if place.state.socket_name:
        shutil.rmtree(get_socket(place).parent, ignore_errors=True)


def encode_settings(place: Place, programs: Sequence[Program]) -> str:
    """The text of supervisord.conf."""
    logs = place.folder.logs
    control = get_socket(place)
    sections: dict[str, dict[str, object]] = {
        "unix_http_server": {"file": control, "chmod": "0700"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
        "supervisord": {
            "nodaemon": "true",
            "silent": "true",
            "logfile": logs / "supervisor.log",
            "logfile_maxbytes": LOG_BYTES,
            "logfile_backups": LOG_FILES,
            "pidfile": place.folder.root / "supervisor.pid",
            "childlogdir": logs,
            "minfds": MINFDS,
            **({"user": "root"} if os.geteuid() == 0 else {}),
        },
    }
    return _encode(sections) + encode_programs(place, programs)


def encode_programs(place: Place, programs: Sequence[Program]) -> str:
    """The sections of processes and of their tiers."""
    sections = {f"program:{p.name}": _encode_program(p, place.folder.logs) for p in programs}
    for tier in dict.fromkeys(p.tier for p in programs):
        members = [p for p in programs if p.tier == tier]
        sections[f"group:{tier}"] = {
            "programs": ",".join(p.name for p in members),
            "priority": members[0].order,
        }
    return _encode(sections)


def _encode(sections: Mapping[str, Mapping[str, object]]) -> str:
    lines = []
    for name, section in sections.items():
        lines += [f"[{name}]", *(f"{key}={_escape(value)}" for key, value in section.items()), ""]
    return "\n".join(lines)


def _encode_program(program: Program, logs: Path) -> dict[str, object]:
    return {
        "command": shlex.join(program.command),
        "directory": "/",
        "autostart": "false",
        "autorestart": "unexpected",
        "exitcodes": EXIT_NOT_TRUE,
        "startsecs": 1,
        # The pause before a try is as many seconds as there were tries: 8 minutes for the first
        # 30. A process that cannot start (on a full disk) must resume by itself once it can.
        "startretries": 10_000,
        "stopsignal": program.stop_signal,
        "stopwaitsecs": STOP_S,
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": logs / f"{program.name}.log",
        "stdout_logfile_maxbytes": LOG_BYTES,
        "stdout_logfile_backups": LOG_FILES,
    }


def _escape(value: object) -> str:
    return str(value).replace("%", "%%")


def get_settings_file(place: Place) -> Path:
    return place.folder.config / "supervisord.conf"


def get_environment(place: Place, environ: Mapping[str, str]) -> dict[str, str]:
    """What the processes inherit; no settings, for which they have files."""
    return {**make_environment(environ), **processes.make_marks(place.folder.root)}


def start(
    place: Place, programs: Sequence[Program], *, lock: int, is_detached: bool
) -> "subprocess.Popen[bytes]":
    """Starts the supervisor, idle. It holds descriptor `lock` as long as it lives.

    Unless detached it stops everything, in order, when this thread ends, even by kill -9.
    """
    settings = get_settings_file(place)
    settings.write_text(encode_settings(place, programs))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    limits = ("prlimit", f"--nofile={soft}:")
    bond = () if is_detached else ("setpriv", "--pdeathsig=TERM")
    with (place.folder.logs / "supervisor.start.log").open("wb") as log:
        return subprocess.Popen(
            [
                *limits,
                *bond,
                sys.executable,
                "-P",
                str(Path(__file__).with_name("supervisord.py")),
                "-c",
                str(settings),
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=get_environment(place, os.environ),
            umask=0o077,  # only their user may read what servers and services write
            pass_fds=(lock,),
            start_new_session=True,
        )


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket, with a time-out."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = _Connection(self._path)
        # Where the base class looks when it is asked to close.
        self._connection = host, connection
        return connection


class Control:
    """Orders to a running supervisor. Every method raises NotRunning if there is none, Unreachable
    if it has no socket (yet, or any more).
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._path = get_socket(place)

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_Transport(self._path))
        try:
            with proxy:
                function = getattr(proxy, method)
                return function(*arguments)
        except (FileNotFoundError, ConnectionRefusedError):
            raise self._explain_silence() from None
        except xmlrpc.client.Fault as fault:
            raise LocalError(f"the supervisor refuses {method}: {fault.faultString}") from None
        except (OSError, http.client.HTTPException) as error:
            raise LocalError(
                f"the supervisor of {self._place.folder.root} does not answer "
                f"({error or type(error).__name__}): see {self._place.folder.logs}/supervisor.log"
            ) from None

    def _explain_silence(self) -> LocalError:
        folder = self._place.folder
        if not is_locked(folder.lock_file):
            return NotRunning(f"nothing runs on {folder.root}: start it with `tokend up`")
        if not folder.endpoints_file.exists():
            return Unreachable(f"{folder.root} is starting or stopping: ask again in a moment")
        return Unreachable(
            f"tokend runs on {folder.root} (process {get_holder(folder.lock_file)}), but its "
            f"control socket {self._path} is gone: stop it with `tokend down`, then start it again"
        )

    def get_process_id(self) -> int:
        return int(self._call("supervisor.getPID"))

    def get_states(self) -> list[ProcessState]:
        """All processes, by name."""
        return [
            ProcessState(
                name=info["name"],
                tier=info["group"],
                state=info["statename"],
                process_id=info["pid"],
                uptime_s=max(0, info["now"] - info["start"]) if info["pid"] else 0,
                description=info["spawnerr"] or info["description"],
            )
            for info in self._call("supervisor.getAllProcessInfo")
        ]

    def get_state(self, name: str) -> ProcessState:
        """The state of process `name`. Raises LocalError if there is none of that name."""
        states = self.get_states()
        for state in states:
            if state.name == name:
                return state
        names = ", ".join(sorted(state.name for state in states))
        raise LocalError(
            f"there is no process {name!r}: choose among {names}", fault=Fault.UNKNOWN_NAME
        )

    def start_tier(self, tier: str) -> None:
        """Starts all processes of a tier and returns at once."""
        self._call("supervisor.startProcessGroup", tier, False)

    def start(self, name: str) -> None:
        state = self.get_state(name)
        self._call("supervisor.startProcess", f"{state.tier}:{name}", False)

    def add(self, program: Program) -> None:
        """A process that is alone in its tier; it does not start yet."""
        file = get_settings_file(self._place)
        file.write_text(file.read_text() + encode_programs(self._place, [program]))
        self._call("supervisor.reloadConfig")
        self._call("supervisor.addProcessGroup", program.tier)

    def stop(self, name: str) -> None:
        """Stops a process and waits until it has ended; it stays down until it is started."""
        state = self.get_state(name)
        self._call("supervisor.stopProcess", f"{state.tier}:{name}", True)

    def shut_down(self) -> None:
        """Asks the supervisor to stop everything in order and then itself; returns at once."""
        self._call("supervisor.shutdown")

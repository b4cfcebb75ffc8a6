"""The checks of `tokend doctor`: whether this machine has what a deployment needs."""

import importlib.metadata
import os
import platform
import resource
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.local import ports
from infra.local.errors import LocalError
from infra.local.folders import DataFolder
from infra.local.rows import Check, Server

GIB = 1024**3


def check_machine(root: Path, servers: Sequence[Server]) -> list[Check]:
    """All checks for a deployment on `root`. Changes nothing and needs no network."""
    checks: tuple[Callable[[], Check], ...] = (
        _check_system,
        _check_python,
        _check_packages,
        _check_tools,
        lambda: _check_data_folder(root),
        lambda: _check_disk(root),
        _check_memory,
        _check_open_files,
        lambda: _check_ports(root),
        _check_clock,
    )
    needed = [check for server in servers for check in server.check_machine()]
    return [check() for check in checks] + needed


def _check_system() -> Check:
    found = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Check("system", platform.system() == "Linux", found, "use a Linux machine")


def _check_python() -> Check:
    is_ok = sys.version_info >= (3, 11)
    return Check("Python", is_ok, platform.python_version(), "install Python 3.11 or newer")


def _check_packages() -> Check:
    """Whether the installed packages have the versions of the lock file."""
    from infra.local.folders import PROJECT

    lock = PROJECT / "requirements.lock"
    pinned: dict[str, list[str]] = {}  # several where the lock tells Python's versions apart
    for line in lock.read_text().splitlines() if lock.exists() else ():
        name, _, rest = line.partition("==")
        if rest and not line.startswith((" ", "#")):
            pinned.setdefault(name.partition("[")[0], []).append(rest.split()[0])
    wrong = []
    for name, versions in pinned.items():
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        if installed not in versions:
            wrong.append(f"{name} {installed}")
    found = ", ".join(wrong) or "as pinned"
    return Check("packages", not wrong, found, "run `make setup`")


def _check_tools() -> Check:
    tools = ("setpriv", "prlimit", "flock")
    missing = [tool for tool in tools if shutil.which(tool) is None]
    found = f"missing: {', '.join(missing)}" if missing else ", ".join(tools)
    return Check("tools", not missing, found, "install the package util-linux")


def _get_existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _check_data_folder(root: Path) -> Check:
    existing = _get_existing(root)
    is_ok = existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)
    return Check("data folder", is_ok, str(root), "name a folder you may write to by --data")


def _check_disk(root: Path) -> Check:
    free = shutil.disk_usage(_get_existing(root)).free
    return Check("disk", free >= 5 * GIB, f"{free / GIB:.1f} GiB free", "free at least 5 GiB")


def _check_memory() -> Check:
    lines = Path("/proc/meminfo").read_text().splitlines()
    kib = next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    found = f"{kib * 1024 / GIB:.1f} GiB available"
    return Check("memory", kib * 1024 >= 2 * GIB, found, "end other programs until 2 GiB are free")


def _check_open_files() -> Check:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    found = "unlimited" if hard == resource.RLIM_INFINITY else str(hard)
    is_ok = hard == resource.RLIM_INFINITY or hard >= 4096
    return Check(
        "open files", is_ok, f"at most {found}", "raise the hard limit to 4096: ulimit -Hn"
    )


def _check_ports(root: Path) -> Check:
    """Only a new deployment's: remembered ports may be in use by the deployment itself."""
    if DataFolder(root).state_file.exists():
        return Check("ports", True, "chosen")
    try:
        ports.choose_port(())
    except LocalError as error:
        return Check("ports", False, "none free", str(error))
    return Check("ports", True, f"free between {ports.CHOICE.start} and {ports.CHOICE.stop}")


def _check_clock() -> Check:
    """The kernel knows whether its clock is kept in step: nodes reject ledgers from the future."""
    import ctypes

    # struct timex begins with its modes (0: only read); adjtimex returns TIME_ERROR, 5, when the
    # clock is not synchronised.
    buffer = ctypes.create_string_buffer(512)
    state = ctypes.CDLL(None, use_errno=True).adjtimex(buffer)
    if state == 5:
        return Check(
            "clock", True, "not synchronised; that is enough for a deployment on one machine"
        )
    return Check("clock", state >= 0, "synchronised", "synchronise the clock (NTP)")

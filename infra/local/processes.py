"""The processes of a deployment, found and signalled by what the kernel knows about them.

Each process of a deployment inherits a variable that tells its data folder from every other one,
moved or copied. So even what a killed supervisor left behind is found, and nothing else is touched.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.local.folders import DataFolder

# Without the prefix TOKEND_, which marks settings.
MARK, PATH_MARK = "_TOKEND_DEPLOYMENT", "_TOKEND_DATA_FOLDER"


def make_marks(root: Path) -> dict[str, str]:
    """The variables that every process of the deployment on `root` inherits."""
    mark = DataFolder(root).get_mark()
    return {PATH_MARK: str(root), **({MARK: mark} if mark is not None else {})}


def find_processes(root: Path) -> list[int]:
    """Ids of the living processes of data folder `root`, this one excepted. Where the folder has no
    readable state they are found by its path.
    """
    mark = DataFolder(root).get_mark()
    wanted = f"{PATH_MARK}={root}" if mark is None else f"{MARK}={mark}"
    return sorted(number for number, found in _read_environments() if wanted.encode() in found)


def find_copies(root: Path) -> list[str]:
    """The folders on which processes run that have the identity of the deployment on `root` and are
    not its own: one is a copy of the other.
    """
    mark = DataFolder(root).get_mark()
    if mark is None:
        return []
    identity = f"{MARK}={mark.partition('.')[0]}.".encode()
    own, path = f"{MARK}={mark}".encode(), f"{PATH_MARK}=".encode()
    return sorted(
        {
            os.fsdecode(next((v for v in found if v.startswith(path)), b"?").removeprefix(path))
            for _, found in _read_environments()
            if own not in found and any(v.startswith(identity) for v in found)
        }
    )


def _read_environments() -> Iterator[tuple[int, list[bytes]]]:
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path("/proc", entry, "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            continue
        yield int(entry), environment.split(b"\0")


def end_processes(root: Path, seconds: float = 15.0) -> list[int]:
    """Ends what is left of a deployment; kills what does not end in time. Returns the ids."""
    found = find_processes(root)
    for sent, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
        for process_id in find_processes(root):
            send_signal(process_id, sent)
        if wait_until(lambda: not find_processes(root), patience):
            break
    return found


def send_signal(process_id: int, sent: signal.Signals) -> None:
    """Signals a process; it is no error if it has ended. Raises ValueError for ids up to 0, which
    name groups of processes, our own among them.
    """
    if process_id <= 0:
        raise ValueError(f"{process_id} is not the id of a process")
    try:
        os.kill(process_id, sent)
    except ProcessLookupError:
        return


@contextlib.contextmanager
def ignored_signals(*wanted: signal.Signals) -> Iterator[None]:
    """Ignores signals in the context, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {sent: signal.signal(sent, signal.SIG_IGN) for sent in wanted}
    try:
        yield
    finally:
        for sent, handler in before.items():
            signal.signal(sent, handler)


def is_alive(process_id: int) -> bool:
    """Whether the process runs; one that ended but was not yet reaped by its parent does not."""
    try:
        status = Path("/proc", str(process_id), "stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b") ")[2][:1] not in (b"Z", b"X")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether `condition` came true within `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True

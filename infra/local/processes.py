"""The processes of a deployment, found and signalled by what the kernel knows about them.

Each process of a deployment inherits a variable that names its data folder. So even what a killed
supervisor left behind can be found, and nothing else is ever touched.
"""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

# Outside the prefix TOKEND_, under which every variable is a setting.
MARK = "_TOKEND_DATA_FOLDER"


def find_processes(root: Path) -> list[int]:
    """Ids of the living processes that carry the mark of data folder `root`, this one excepted."""
    mark = f"{MARK}={root}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            environment = Path("/proc", entry, "environ").read_bytes()
        except OSError:  # ended meanwhile, or another user's
            continue
        if mark in environment.split(b"\0"):
            found.append(int(entry))
    return sorted(found)


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
    """Signals a process; one that has ended already is no error. Ids up to 0 are groups of
    processes, our own among them, and never meant: raises ValueError.
    """
    if process_id <= 0:
        raise ValueError(f"{process_id} is not the id of a process")
    try:
        os.kill(process_id, sent)
    except ProcessLookupError:
        return


@contextlib.contextmanager
def ignored_signals(*wanted: signal.Signals) -> Iterator[None]:
    """Ignores signals for a while; only a main thread can."""
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

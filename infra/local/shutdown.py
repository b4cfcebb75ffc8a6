"""Stops and deletes deployments, no matter which process started them."""

import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.local import processes, supervisor
from infra.local.errors import DamagedState, LocalError, NotRunning
from infra.local.folders import DataFolder, make_state
from infra.local.lock import get_holder, is_locked, take_lock, wait_until_free
from infra.local.place import Place
from infra.local.rows import Report, Server
from infra.local.supervisor import Control

STOP_S = 120.0


def stop_processes(place: Place, child: "subprocess.Popen[bytes] | None", report: Report) -> None:
    """Ends every process of the deployment: in order if its supervisor lives, at once otherwise.

    It is bounded in time and must complete: signals to this process are ignored.
    """
    root = place.folder.root
    with processes.ignored_signals(signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        report("stopping")
        _shut_down(place)
        place.folder.endpoints_file.unlink(missing_ok=True)
        if child is not None:
            _reap(child, report)
        processes.wait_until(lambda: not processes.find_processes(root), STOP_S)
        processes.end_processes(root)
        supervisor.remove_socket_folder(place)
        report("stopped")


def _shut_down(place: Place) -> None:
    """Asks the supervisor, by a signal if it has no socket; without one ends its processes."""
    root = place.folder.root
    try:
        Control(place).shut_down()
        return
    except LocalError:
        found = processes.find_processes(root)
    try:
        supervisor_id = int((root / "supervisor.pid").read_text())
    except (OSError, ValueError):
        supervisor_id = 0
    if supervisor_id in found:
        processes.send_signal(supervisor_id, signal.SIGTERM)
    else:
        processes.end_processes(root)


def _reap(child: "subprocess.Popen[bytes]", report: Report) -> None:
    try:
        child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        report("the supervisor does not end, so it is killed with all it runs")


def open_deployment(root: Path) -> Place:
    """The place of an existing data folder. Raises NotRunning if there is none."""
    folder = DataFolder(root.resolve())
    if not folder.state_file.exists():
        raise NotRunning(f"there is no data folder {folder.root}: start with `tokend up`")
    return Place(folder)


def open_for_deletion(root: Path) -> Place:
    """The same, even if the folder's state is damaged."""
    try:
        return open_deployment(root)
    except DamagedState:
        return Place(DataFolder(root.resolve()), make_state())


def stop_deployment(place: Place, report: Report) -> None:
    """Stops the deployment, whoever started it. Raises NotRunning."""
    lock_file = place.folder.lock_file
    if not is_locked(lock_file) and not processes.find_processes(place.folder.root):
        raise NotRunning(f"nothing runs on {place.folder.root}")
    holder = get_holder(lock_file)
    try:
        Control(place).get_process_id()
    except LocalError:
        # Its `tokend up` is still preparing folders, and stops by itself on a signal.
        if holder is not None and is_locked(lock_file):
            processes.send_signal(holder, signal.SIGTERM)
            wait_until_free(lock_file, STOP_S)
    stop_processes(place, None, report)
    if not wait_until_free(lock_file, STOP_S):
        raise LocalError(
            f"process {get_holder(lock_file)} still holds {place.folder.root}: end it by kill"
        )


def destroy_deployment(place: Place, servers: Sequence[Server], report: Report) -> None:
    """Stops the deployment if it runs and deletes its data folder, databases and keys included.

    `servers`: all that may own something outside the folder. Nothing else outside is deleted.
    """
    try:
        stop_deployment(place, report)
    except NotRunning:
        report("nothing was running")
    lock = take_lock(place.folder.lock_file)
    try:
        for server in servers:
            server.destroy(place, report)
        shutil.rmtree(place.folder.root)
    except OSError as error:
        raise LocalError(f"cannot delete {error.filename}: {error.strerror}") from None
    finally:
        lock.release()
    report(f"deleted {place.folder.root}")

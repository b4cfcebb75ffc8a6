"""At most one running deployment per data folder.

The lock is the kernel's (flock): it lasts as long as any process holds the descriptor, so the
supervisor keeps it after `tokend up --detach`, and it never goes stale.
"""

import fcntl
import os
import time
from pathlib import Path

from infra.local.errors import AlreadyRunning


class Lock:
    """The held lock. `descriptor` may be handed to a child, which then holds the lock too."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def name_holder(self, process_id: int) -> None:
        """Writes into the lock file which process to name in messages, and to signal."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{process_id}\n".encode(), 0)

    def release(self) -> None:
        """Releases this process' hold; a child that has the descriptor keeps its own."""
        os.close(self.descriptor)


def take_lock(file: Path) -> Lock:
    """Takes the lock and names this process as its holder. Raises AlreadyRunning."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # More than once, because `is_locked` holds the lock for a moment.
    if not any(_try_lock(descriptor) for _ in range(10)):
        os.close(descriptor)
        raise AlreadyRunning(
            f"tokend already runs on {file.parent} (process {get_holder(file) or 'unknown'}): "
            f"stop it with `tokend down --data {file.parent}` or name another folder by --data"
        )
    lock = Lock(descriptor)
    lock.name_holder(os.getpid())
    return lock


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.02)
        return False
    return True


def is_locked(file: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def wait_until_free(file: Path, seconds: float) -> bool:
    """Whether the lock became free within `seconds`."""
    end = time.monotonic() + seconds
    while is_locked(file):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def get_holder(file: Path) -> int | None:
    """The process named in the lock file. It says nothing about whether the lock is held."""
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return None

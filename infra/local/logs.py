"""Reads the rotated logs of a deployment."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from infra.local.errors import Fault, LocalError

BLOCK_BYTES = 256 * 1024


def get_tail(file: Path, lines: int = 15) -> tuple[str, ...]:
    """The last lines of a log; none if there is no log."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - BLOCK_BYTES))
            text = stream.read().decode(errors="replace")
    except OSError:
        return ()
    found = text.splitlines()
    return tuple(found[max(0, len(found) - lines) :])


def follow(file: Path, lines: int) -> Iterator[str]:
    """The last lines, then new ones as they come, for ever, also across rotations."""
    stream = file.open("rb")
    try:
        stream.seek(max(0, stream.seek(0, 2) - BLOCK_BYTES))
        *old, rest = stream.read().split(b"\n")
        yield from (line.decode(errors="replace") for line in old[max(0, len(old) - lines) :])
        while True:
            *whole, rest = (rest + stream.read(BLOCK_BYTES)).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
            if whole:
                continue
            if _is_rotated(file, stream.fileno()):
                stream.close()
                stream, rest = file.open("rb"), b""
            else:
                time.sleep(0.2)
    finally:
        stream.close()


def _is_rotated(file: Path, descriptor: int) -> bool:
    try:
        return file.stat().st_ino != os.fstat(descriptor).st_ino
    except FileNotFoundError:  # between the two steps of a rotation
        return False


def get_log_file(folder: Path, name: str) -> Path:
    """The log of process `name`. Raises LocalError naming the logs there are."""
    file = folder / f"{name}.log"
    if not file.is_file() or file.parent != folder:
        names = ", ".join(sorted(log.stem for log in folder.glob("*.log")))
        raise LocalError(
            f"there is no log {name!r}: choose among {names or 'none yet'}",
            fault=Fault.UNKNOWN_NAME,
        )
    return file

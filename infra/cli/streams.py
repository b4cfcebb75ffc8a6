"""The three standard streams, whoever started us: some callers close them, or speak ASCII alone."""

import errno
import io
import os
import sys
from typing import IO, NoReturn


class _Closed(io.TextIOBase):
    """Standard output that the caller has closed: writing to it fails, as it does elsewhere."""

    encoding = "utf-8"

    def write(self, text: str) -> NoReturn:
        del text
        raise OSError(errno.EBADF, os.strerror(errno.EBADF), "standard output")


def prepare_streams() -> None:
    """Afterwards all three can be used, and no file we open can take the place of one.

    What a stream's encoding cannot express is escaped. What is read from a closed standard input
    is nothing; what is written to a closed standard error is lost; a closed standard output raises
    OSError, because a result that nobody got is a failure.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
    sys.stdin = sys.stdin or _open_nothing("r")
    sys.stderr = sys.stderr or _open_nothing("w")
    sys.stdout = sys.stdout or _Closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _open_nothing(mode: str) -> IO[str]:
    return open(os.devnull, mode, encoding="utf-8")


def flush() -> None:
    """Raises OSError if what was written does not arrive."""
    sys.stdout.flush()


def forget_output() -> None:
    """After a failed write: what is left goes nowhere, also when the interpreter ends."""
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)

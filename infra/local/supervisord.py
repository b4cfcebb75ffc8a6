"""supervisord with logs that come back by themselves: run as a script, with its own arguments.

The original stops writing a log for good once a rotation fails (a full disk, a folder that is
gone), and complains about each further line in a file that nobody rotates. Here every write tries
again, a log that cannot be rotated begins anew, and what could not be written is counted.

Imports nothing of ours: whoever runs it may have no path to the rest.
"""

import contextlib
import itertools
import os
import sys
import time
from typing import Any

from supervisor import loggers, supervisord

LOOK_S = 1.0


class LogFile(loggers.RotatingFileHandler):  # type: ignore[misc]  # the package has no types
    """Takes the place of supervisor's own handler, whose constructor and methods it keeps."""

    def __init__(self, filename: str, mode: str = "ab", maxBytes: int = 0, backupCount: int = 0):  # noqa: N803
        loggers.Handler.__init__(self)
        self.baseFilename, self.mode = filename, "ab"
        self.maxBytes, self.backupCount = maxBytes, backupCount
        self._looked = 0.0
        self._lost_bytes = 0
        with contextlib.suppress(OSError):
            self._open()

    def emit(self, record: Any) -> None:
        line = record.msg if isinstance(record.msg, bytes) else self.fmt % record.asdict()
        data = line if isinstance(line, bytes) else line.encode("utf-8", "backslashreplace")
        try:
            self._require_file()
            if self._lost_bytes:
                self._write(b"tokend: %d bytes of this log are lost\n" % self._lost_bytes)
                self._lost_bytes = 0
            self._write(data)
        except OSError:
            self._lost_bytes += len(data)

    def reopen(self) -> None:
        self.close()
        with contextlib.suppress(OSError):
            self._open()

    def _open(self) -> None:
        os.makedirs(os.path.dirname(self.baseFilename), mode=0o700, exist_ok=True)
        self.stream = open(self.baseFilename, "ab", buffering=0)  # noqa: SIM115  # closed by `close`
        self.closed = False

    def _require_file(self) -> None:
        """Opens the file if it is not open, or if somebody has removed it."""
        now = time.monotonic()
        if self.stream is not None and not self.closed and now - self._looked < LOOK_S:
            return
        self._looked = now
        if self.stream is None or self.closed or not self._is_there():
            self.close()
            self._open()

    def _is_there(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.baseFilename), os.fstat(self.stream.fileno()))
        except OSError:
            return False

    def close(self) -> None:
        if self.stream is not None and not self.closed:
            self.stream.close()
        self.closed = True

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[self.stream.write(view) :]
        if self.maxBytes and self.stream.tell() >= self.maxBytes:
            self._rotate()

    def _rotate(self) -> None:
        """Each step may fail; the file begins anew in any case."""
        self.close()
        older = (f"{self.baseFilename}.{i + 1}" for i in range(self.backupCount))
        names = [self.baseFilename, *older]
        for source, target in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(OSError):
                os.replace(source, target)
        with contextlib.suppress(OSError):
            os.truncate(self.baseFilename, 0)
        self._open()


if __name__ == "__main__":
    loggers.RotatingFileHandler = LogFile
    sys.exit(supervisord.main())

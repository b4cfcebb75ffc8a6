"""Labelled kill points: where a process can be told to kill itself, to show that it may die there.

Off unless the environment says otherwise: with TOKEND_CRASH_AT=LABEL or LABEL:N a process sends
itself SIGKILL when it passes that point for the first, or the N-th, time since its start. Started
again with the variable it dies again; a supervised set never hands it on. Shell: it knows nothing
of what lies between its points.
"""

import os
import signal
from collections.abc import Mapping

from schemas.settings import CRASH_VARIABLE, ConfigError

CORE_LABELS = (
    "before-persist",  # agree: an own statement is decided on,
    "after-persist",  # is durable, and has not left
    "before-commit",  # a ledger is closed and signed in memory,
    "after-commit",  # both are durable, and the signature has not left
    "after-sign",  # it was handed to the overlay
    "before-certify",  # the signatures suffice,
    "after-certify",  # the certificate is durable, and the ledger is not published
    "before-publish",  # the ledger is about to be produced to its topic,
    "after-publish",  # was handed to the producer, and is not acknowledged
)
ARCHIVE_LABELS = (
    "before-archive",  # a checkpoint's ledgers are certified,
    "within-archive",  # its first object is written,
    "before-manifest",  # all objects are, the manifest is not,
    "after-manifest",  # and it is, of which the database does not know
)
HORIZON_LABELS = (
    "before-fold",  # ledgers are verified and folded in memory,
    "within-fold",  # progress is written in the open transaction,
    "after-fold",  # and all is durable
)
KEYSERVER_LABELS = (
    "before-change",  # a new password and its transaction are checked,
    "after-change",  # are durable, and not answered
    "before-activate",  # the ledger has the transaction, the old password is in force,
    "after-activate",  # and the new one is
)


class KillPoints:
    """The switch of this process."""

    def __init__(self) -> None:
        self._label = ""
        self._passages_left = 0

    def arm(self, environ: Mapping[str, str]) -> None:
        """Reads the variable, once, when the process begins. Raises `ConfigError`."""
        text = environ.get(CRASH_VARIABLE, "")
        if not text:
            return
        label, _, passages = text.partition(":")
        known = (*CORE_LABELS, *ARCHIVE_LABELS, *HORIZON_LABELS, *KEYSERVER_LABELS)
        if label not in known or not (passages or "1").isdecimal() or passages == "0":
            raise ConfigError(
                f"{CRASH_VARIABLE}: {text!r} is no kill point: give LABEL or LABEL:N with one of "
                f"{', '.join(known)}, or unset it"
            )
        self._label, self._passages_left = label, int(passages or "1")

    def note(self, label: str) -> None:
        """The process is at point `label`; one comparison where that is not the one."""
        if label != self._label:
            return
        self._passages_left -= 1
        if self._passages_left == 0:
            os.write(2, f"killed at {label}, as {CRASH_VARIABLE} asks\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


kill_points = KillPoints()

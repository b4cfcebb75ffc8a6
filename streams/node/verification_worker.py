"""The process that `streams.node.verification` starts: it reads batches, works, writes outcomes.

It knows no job's meaning and opens nothing but its own pipes. It ends when its input ends, which
also happens when the node that started it dies. Run as `python -m streams.node.verification_worker
MODULE:FUNCTION`; both directions are frames of a u32 length and a pickle.
"""

import importlib
import os
import pickle
import signal
import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

LENGTH = struct.Struct(">I")
Work = Callable[[list[Any]], list[Any]]


def load_work(name: str) -> Work:
    """The function behind "package.module:function"; raises what importing it raises."""
    module, _, function = name.partition(":")
    work: Work = getattr(importlib.import_module(module), function)
    return work


def encode_frame(value: object) -> bytes:
    body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def run(work: Work, jobs: BinaryIO, outcomes: BinaryIO) -> None:
    """Answers every batch, in order, with (outcomes, None) or (None, what went wrong)."""
    while header := jobs.read(LENGTH.size):
        body = jobs.read(LENGTH.unpack(header)[0])
        batch: list[Any] = pickle.loads(body)  # noqa: S301 - the parent's own pipe
        try:
            answer: tuple[list[Any] | None, str | None] = (work(batch), None)
        except Exception:  # told to the caller, whose error it is
            answer = (None, traceback.format_exc())
        outcomes.write(encode_frame(answer))
        outcomes.flush()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the node decides when its workers end
    outcomes = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not get between the frames
    work = load_work(sys.argv[1])
    try:
        run(work, sys.stdin.buffer, outcomes)
    except (BrokenPipeError, EOFError, struct.error):
        os._exit(1)  # the node is gone, mid-frame: nobody is left to tell


if __name__ == "__main__":
    main()

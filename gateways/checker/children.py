"""Starts children that look at papers, and tells what they said or how they ended."""

import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateways.checker import antivirus
from gateways.checker.antivirus import ScannerUnavailable
from gateways.checker.child import Answer, Request
from gateways.checker.settings import CheckSettings
from gateways.identity.reasons import Reason

COMMAND = (sys.executable, "-I", "-m", "gateways.checker.child")
ENDED_BY_LIMITS = {-signal.SIGXCPU, -signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT}


@dataclass(frozen=True, slots=True)
class Paper:
    """A sealed paper in `file`. `schema`: of a form."""

    file: Path
    private_key: bytes
    bytes_max: int
    schema: dict[str, Any] | None = None
    media_types: tuple[str, ...] = ()


def inspect(paper: Paper, settings: CheckSettings) -> list[str]:
    """Codes. Raises ScannerUnavailable."""
    if settings.clamd is None or paper.schema is not None:
        return _run(paper, settings, None)
    with antivirus.connect(settings.clamd, settings.wall_s) as scanner:
        return _run(paper, settings, scanner)


def _run(paper: Paper, settings: CheckSettings, scanner: socket.socket | None) -> list[str]:
    with paper.file.open("rb") as sealed:
        descriptors = [sealed.fileno(), *([] if scanner is None else [scanner.fileno()])]
        request = Request(
            private_key=paper.private_key.hex(),
            file=sealed.fileno(),
            bytes_max=paper.bytes_max,
            memory=settings.memory,
            cpu_s=int(settings.cpu_s),
            schema=paper.schema,
            media_types=list(paper.media_types),
            scanner=None if scanner is None else scanner.fileno(),
            sanctions=settings.sanctions,
        )
        try:
            done = subprocess.run(
                COMMAND,
                input=msgspec.json.encode(request),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,  # what libraries say could be of the paper
                timeout=settings.wall_s,
                pass_fds=descriptors,
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                cwd=tempfile.gettempdir(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return [Reason.DOCUMENT_TOO_LARGE]
    return _read(done.returncode, done.stdout)


def _read(code: int, output: bytes) -> list[str]:
    if code in ENDED_BY_LIMITS:
        return [Reason.DOCUMENT_TOO_LARGE]
    try:
        answer = msgspec.json.decode(output, type=Answer)
    except msgspec.DecodeError:
        return [Reason.DOCUMENT_UNREADABLE]
    if not answer.is_scanned:
        raise ScannerUnavailable("clamd: it gave no verdict")
    return answer.codes

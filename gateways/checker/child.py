"""One paper, opened in a process of its own: `python -m gateways.checker.child`.

The parent sends a request by standard input and reads one line of JSON. The sealed paper comes as
an open file, the scanner as an open socket. What is opened stays in memory, and the process has no
rights, no files and little of anything once it begins to look at it.
"""

import os
import socket
import sys
from typing import Any

import msgspec

from gateways.checker.antivirus import ScannerUnavailable, is_infected
from gateways.client.sealed_documents import DocumentUnopenable, open_document
from gateways.identity.confinement import confine
from gateways.identity.reasons import Reason

PIECE_BYTES = 1024 * 1024
SCAN_SECONDS = 30.0


class Request(msgspec.Struct, frozen=True):
    """`file`, `scanner`: descriptors. `schema`: of a form; without one it is a document of one of
    `media_types`. `sanctions`: the path of the list."""

    private_key: str
    file: int
    bytes_max: int
    memory: int
    cpu_s: int
    schema: dict[str, Any] | None = None
    media_types: list[str] = []
    scanner: int | None = None
    sanctions: str | None = None


class Answer(msgspec.Struct, frozen=True):
    """`is_scanned`: False where the scanner failed, and nothing else is known."""

    codes: list[str]
    is_scanned: bool = True


def main() -> None:
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    names = _load(request)
    confine(request.memory, request.cpu_s)
    try:
        answer = _look(request, names)
    except MemoryError:
        answer = Answer([Reason.DOCUMENT_TOO_LARGE])
    except ScannerUnavailable:
        answer = Answer([], is_scanned=False)
    sys.stdout.buffer.write(msgspec.json.encode(answer))


def _load(request: Request) -> Any:
    """Everything that is read from disk is, before the process loses its rights."""
    from gateways.checker import inspection, sanctions

    inspection.load(is_form=request.schema is not None)
    if request.schema is None or request.sanctions is None:
        return None
    with open(request.sanctions, "rb") as file:
        return sanctions.SanctionsList(file)


def _look(request: Request, names: Any) -> Answer:
    from gateways.checker import inspection

    is_form = request.schema is not None
    try:
        content = _open(request)
    except DocumentUnopenable:
        return Answer([Reason.FORM_UNREADABLE if is_form else Reason.DOCUMENT_UNREADABLE])
    if content is None:
        return Answer([Reason.DOCUMENT_TOO_LARGE])
    if request.schema is not None:
        codes, fields = inspection.inspect_form(content, request.schema)
        return Answer(codes + (find_names(names, fields) if names is not None else []))
    if request.scanner is not None:
        with socket.socket(fileno=request.scanner) as scanner:
            scanner.settimeout(SCAN_SECONDS)  # the parent's socket does not block
            if is_infected(scanner, content):
                return Answer([Reason.MALWARE])
    return Answer(inspection.inspect_document(content, request.media_types, request.bytes_max))


def _open(request: Request) -> bytes | None:
    """None: it is larger than it may be. Raises DocumentUnopenable."""
    content = bytearray()
    with os.fdopen(request.file, "rb") as sealed:
        pieces = iter(lambda: sealed.read(PIECE_BYTES), b"")
        for piece in open_document(bytes.fromhex(request.private_key), pieces):
            content += piece
            if len(content) > request.bytes_max:
                return None
    return bytes(content)


def find_names(names: Any, fields: dict[str, Any]) -> list[str]:
    """The best score of the person's name on the list, as a code."""
    given = (fields.get(each) for each in NAME_FIELDS)
    words = " ".join(each for each in given if isinstance(each, str))
    hits = names.find(words)
    return [f"{Reason.SANCTIONS_HIT}:{hits[0].score}"] if hits else []


NAME_FIELDS = ("first_name", "additional_name", "last_name")
"""As SEP-9 calls them."""

if __name__ == "__main__":
    main()

"""ClamAV by its protocol INSTREAM, over a socket that somebody else has opened."""

import socket
import struct
from contextlib import suppress

PIECE_BYTES = 64 * 1024
SIZE = struct.Struct(">I")
ANSWER_BYTES_MAX = 4_096
CLEAN, FOUND = b"OK", b"FOUND"


class ScannerUnavailable(Exception):
    """It does not answer, or not as a scanner does."""


def connect(address: str, seconds: float) -> socket.socket:
    """`address`: HOST:PORT, or the path of a socket. Raises ScannerUnavailable."""
    if not address.startswith("/"):
        host, _, port = address.rpartition(":")
        try:
            return socket.create_connection((host, int(port)), timeout=seconds)
        except OSError as error:
            raise ScannerUnavailable(f"clamd: {error.strerror or error}") from None
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.settimeout(seconds)
    try:
        made.connect(address)
    except OSError as error:
        made.close()
        raise ScannerUnavailable(f"clamd: {error.strerror or error}") from None
    return made


def ping(address: str, seconds: float = 3.0) -> None:
    """Raises ScannerUnavailable."""
    with connect(address, seconds) as opened:
        try:
            opened.sendall(b"zPING\0")
            answer = opened.recv(64)
        except OSError as error:
            raise ScannerUnavailable(f"clamd: {error}") from None
    if answer.rstrip(b"\0") != b"PONG":
        raise ScannerUnavailable("clamd: it answers something else than PONG")


def is_infected(opened: socket.socket, content: bytes) -> bool:
    """Raises ScannerUnavailable, also for what is larger than the scanner takes."""
    view = memoryview(content)
    try:
        opened.sendall(b"zINSTREAM\0")
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have found something already
            for at in range(0, len(view), PIECE_BYTES):
                piece = view[at : at + PIECE_BYTES]
                opened.sendall(SIZE.pack(len(piece)))
                opened.sendall(piece)
            opened.sendall(SIZE.pack(0))
        answer = b""
        while len(answer) < ANSWER_BYTES_MAX and (piece_of := opened.recv(ANSWER_BYTES_MAX)):
            answer += piece_of
    except OSError as error:
        raise ScannerUnavailable(f"clamd: {error}") from None
    verdict = answer.rstrip(b"\0\n ").rpartition(b" ")[2]
    if verdict not in (CLEAN, FOUND):
        raise ScannerUnavailable("clamd: it gives no verdict")
    return verdict == FOUND

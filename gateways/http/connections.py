"""Connections that take neither time nor memory without end: uvicorn's, bounded where it is not.

A request must have come whole, head and body, within a time, and its head be small, before anything
of ours sees it. (How long an answer may take, and what a body may hold, the edge says.)
"""

import asyncio
from asyncio import TimerHandle

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

HEAD_BYTES_MAX = 64 * 1024  # as it comes; the edge knows finer limits
MESSAGE_BYTES_MAX = 2 * 1024 * 1024  # with chunk headers and trailers, which nobody reads
REASON = b"the request did not come whole in time, or its head is too large"


class BoundedProtocol(HttpToolsProtocol):
    """`receive_seconds` is set by `make_protocol`."""

    receive_seconds = 30.0
    _deadline: TimerHandle | None = None
    _received = 0
    _is_head_open = True
    _is_whole = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self._is_whole:
            self._stop_waiting()
            return
        if self._received > (HEAD_BYTES_MAX if self._is_head_open else MESSAGE_BYTES_MAX):
            self._refuse(431 if self._is_head_open else 413)
        elif self._deadline is None:
            self._await_rest()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._received, self._is_head_open, self._is_whole = 0, True, False

    def on_headers_complete(self) -> None:
        self._is_head_open = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_whole = True
        super().on_message_complete()

    def _await_rest(self) -> None:
        self._deadline = self.loop.call_later(self.receive_seconds, self._refuse, 408)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int) -> None:
        """An answer under way is left alone, then cut."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            length = str(len(REASON)).encode()
            self.transport.write(
                STATUS_LINE[status]
                + b"content-type: text/plain\r\nconnection: close\r\ncontent-length: "
                + length
                + b"\r\n\r\n"
                + REASON
            )
        self.transport.close()


def make_protocol(receive_seconds: float) -> type[BoundedProtocol]:
    """For uvicorn's `http`."""
    return type("Protocol", (BoundedProtocol,), {"receive_seconds": receive_seconds})

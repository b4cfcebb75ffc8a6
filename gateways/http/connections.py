"""Connections that take neither time nor memory without end: uvicorn's, bounded where it is not.

A request must have come whole, head and body, within a time, and its head be small, before anything
of ours sees it. Who does not read what is written to him is cut off: closing would wait for him.
(How long an answer may take, and what a body may hold, the middleware says.)
"""

import asyncio
from asyncio import TimerHandle

from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

HEAD_BYTES_MAX = 64 * 1024  # as it comes; the middleware knows finer limits
MESSAGE_BYTES_MAX = 2 * 1024 * 1024  # with chunk headers and trailers, which nobody reads
REASON = b"the request did not come whole in time, or its head is too large"


class BoundedProtocol(HttpToolsProtocol):
    """`receive_seconds` and `send_seconds` are set by `make_protocol`."""

    receive_seconds = 30.0
    send_seconds = 60.0
    _deadline: TimerHandle | None = None
    _stalled: TimerHandle | None = None
    _received = 0
    _is_head_open = True
    _is_whole = False
    _answering: RequestResponseCycle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._stop_stalling()
        if self._answering is not None:  # uvicorn tells the last request of a pipeline only
            self._answering.disconnected = True
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_stalling()
        self._stalled = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_stalling()
        super().resume_writing()

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
        self._deadline = self.loop.call_later(self.receive_seconds, self._end_waiting)

    def _end_waiting(self) -> None:
        if self.flow.read_paused:  # it is us who do not read: earlier requests come first
            self._await_rest()
        else:
            self._refuse(408)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _stop_stalling(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _refuse(self, status: int) -> None:
        """In words, unless an answer is under way already."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        length = str(len(REASON)).encode()
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: text/plain\r\nconnection: close\r\ncontent-length: "
            + length
            + b"\r\n\r\n"
            + REASON
        )
        self.transport.close()


def make_protocol(receive_seconds: float, send_seconds: float) -> type[BoundedProtocol]:
    """For uvicorn's `http`."""
    limits = {"receive_seconds": receive_seconds, "send_seconds": send_seconds}
    return type("Protocol", (BoundedProtocol,), limits)

"""Bounded connections: uvicorn's protocol, where it would wait or hold without limit.

A request must arrive whole, head and body, within a time, and its head must be small, before
anything of ours sees it. A client that does not read its answer is cut off. A request to upgrade
the protocol is served as if it did not ask. (The middleware bounds answers and bodies.)
"""

import asyncio
from asyncio import TimerHandle

import httptools
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from gateways.http.connection_table import ConnectionTable
from gateways.http.rate_limits import get_client

HEAD_BYTES_MAX = 64 * 1024  # as it arrives; the middleware has finer limits
MESSAGE_BYTES_MAX = 2 * 1024 * 1024  # with chunk headers and trailers, which nobody reads
IPV4_MAPPED = "::ffff:"  # how a socket for both families writes an IPv4 address
PROBES = frozenset({"/health", "/ready"})  # are answered although there are too many connections

REASONS = {
    400: b"the request cannot be parsed as HTTP/1.1",
    405: b"this server is no proxy",
    408: b"the request did not arrive whole in time",
    413: b"the request is too large",
    429: b"this client has too many connections",
    431: b"the head of the request is too large",
    503: b"there are too many connections",
}


class BoundedProtocol(HttpToolsProtocol):
    """`make_protocol` sets the limits."""

    receive_seconds = 30.0
    send_seconds = 60.0
    table = ConnectionTable()
    _deadline: TimerHandle | None = None
    _stalled: TimerHandle | None = None
    _received = 0
    _is_head_open = True
    _is_whole = False
    _is_upgrading = False
    _answering: RequestResponseCycle | None = None
    is_over = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None and self.client[0].startswith(IPV4_MAPPED):
            self.client = (self.client[0].removeprefix(IPV4_MAPPED), self.client[1])
        address = "" if self.client is None else self.client[0]
        refusal = self.table.open(self, address, get_client(address))
        if refusal is not None:
            self._refuse(refusal)
            return
        if self.is_over:
            self.app = _answer_probes_only(self.app)
        self._await_rest()

    def connection_lost(self, exc: Exception | None) -> None:
        self.table.close(self)
        self._stop_waiting()
        self._stop_stalling()
        if self._answering is not None:  # uvicorn tells the last request of a pipeline only
            self._answering.disconnected = True
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        self.table.mark_busy(self)
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        if not self.pipeline:
            self.table.mark_idle(self)
        super().on_response_complete()

    @property
    def is_receiving(self) -> bool:
        """Whether the client has not sent all of its request."""
        return not self._is_whole

    def shed(self) -> None:
        """Gives way to another connection."""
        self.transport.abort()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stop_stalling()
        self._stalled = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._stop_stalling()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():  # refused; what still arrives is no request
            return
        self._received += len(data)
        self._unset_keepalive_if_required()
        self._feed(data)
        if self._is_whole:
            self._stop_waiting()
            return
        if self._received > (HEAD_BYTES_MAX if self._is_head_open else MESSAGE_BYTES_MAX):
            self._refuse(431 if self._is_head_open else 413)
        elif self._deadline is None and not self.transport.is_closing():
            self._await_rest()

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._is_upgrading = False
            if self.parser.get_method() == b"CONNECT":
                self._refuse(405)
            else:
                self._parse_again(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400)

    def _parse_again(self, rest: bytes) -> None:
        """The parser takes what follows a request to upgrade for another protocol. A new parser
        gets the same head without that request, and then the body.
        """
        head = [b"%s %s HTTP/%s\r\n" % self._get_request_line()]
        for name, value in self.headers:
            if name == b"connection":
                tokens = [each.strip() for each in value.split(b",")]
                value = b", ".join(each for each in tokens if each.lower() != b"upgrade")  # noqa: PLW2901
            if name != b"upgrade" and not (name == b"connection" and not value):
                head.append(b"%s: %s\r\n" % (name, value))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
        self._feed(b"".join(head) + b"\r\n" + rest)

    def _get_request_line(self) -> tuple[bytes, bytes, bytes]:
        return self.parser.get_method(), self.url, self.parser.get_http_version().encode()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._received, self._is_head_open, self._is_whole = 0, True, False

    def on_headers_complete(self) -> None:
        self._is_head_open = False
        if self.parser.should_upgrade():
            self._is_upgrading = True
            return
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._is_upgrading:
            return
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
        """With a reason, unless an answer has begun."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.transport.abort()
            return
        reason = REASONS[status]
        self.transport.write(
            STATUS_LINE[status]
            + b"content-type: text/plain\r\nconnection: close\r\n"
            + (b"retry-after: 1\r\n" if status in (429, 503) else b"")
            + b"content-length: %d\r\n\r\n" % len(reason)
            + reason
        )
        self.transport.close()


def _answer_probes_only(app: ASGI3Application) -> ASGI3Application:
    """For connections beyond the limit."""

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http" and scope["path"] in PROBES:
            await app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/plain"),
            (b"retry-after", b"1"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": REASONS[503], "more_body": False})

    return answer


def make_protocol(
    receive_seconds: float, send_seconds: float, table: ConnectionTable
) -> type[BoundedProtocol]:
    """For uvicorn's `http`."""
    limits = {"receive_seconds": receive_seconds, "send_seconds": send_seconds, "table": table}
    return type("Protocol", (BoundedProtocol,), limits)

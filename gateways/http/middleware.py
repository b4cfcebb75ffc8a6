"""The outermost layer of a gateway: request ids, size limits, logs, metrics, unexpected errors.

One pure ASGI layer, because a stack of middleware with single concerns costs as much as a whole
coalesced read. Logs name route templates, never paths: filters hold people's accounts.
"""

import asyncio
import re
import secrets
import time
from dataclasses import dataclass

import msgspec
import structlog
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateways.http.metrics import Metrics
from gateways.http.problems import (
    CONTENT_TOO_LARGE,
    HEADERS_TOO_LARGE,
    MEDIA_TYPE,
    TOO_SLOW,
    URI_TOO_LONG,
    Problem,
    render_problem,
)
from gateways.http.routes import BODY_BYTES_MAX, UNCACHED, Route

HEADER_COUNT_MAX, HEADER_BYTES_MAX = 64, 16 * 1024
ADDRESS_BYTES_MAX = 4 * 1024
REQUEST_ID = b"x-request-id"
ID_KEY = "tokend.request_id"
ROUTE_KEY = "tokend.route"  # of a scope: the row of the route table, once it is known
HEADERS_KEY = "tokend.headers"  # of a scope: headers to add to the answer
_GIVEN_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")

PRIVATE_HEADERS = [(b"cache-control", UNCACHED.encode()), (b"vary", b"signature, signature-input")]
SAFETY_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


@dataclass(slots=True)
class Seen:
    """What is known of one exchange."""

    status: int = 0
    response_bytes: int = 0
    request_bytes: int = 0
    is_complete: bool = False
    timeout: asyncio.Timeout | None = None  # while the answer has not begun


class Middleware:
    """Wraps `app`. `public_url` is where problem types are explained. An answer must begin within
    `answer_seconds`.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, public_url: str, answer_seconds: float
    ) -> None:
        self.app = app
        self.metrics = metrics
        self.public_url = public_url
        self.answer_seconds = answer_seconds
        self.log = structlog.get_logger("gateway")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        scope[ID_KEY] = request_id = _get_request_id(scope)
        scope[HEADERS_KEY] = [(REQUEST_ID, request_id.encode())]
        seen = Seen()

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
                headers = [*message["headers"], *SAFETY_HEADERS, *_get_cache_headers(scope)]
                message["headers"] = [*headers, *scope[HEADERS_KEY]]
                if seen.timeout is not None:
                    seen.timeout.reschedule(None)  # from now on the connection bounds the sending
            else:
                seen.response_bytes += len(message.get("body", b""))
                seen.is_complete = not message.get("more_body", False)
            await send(message)

        async def receive_bounded() -> Message:
            message = await receive()
            seen.request_bytes += len(message.get("body", b""))
            route: Route | None = scope.get(ROUTE_KEY)
            most = BODY_BYTES_MAX if route is None else route.body_bytes_max
            if seen.request_bytes > most:
                raise Problem(CONTENT_TOO_LARGE, f"a body has at most {most} bytes")
            return message

        try:
            _check_limits(scope)
            await self._answer(scope, receive_bounded, send_noted, seen)
        except Problem as problem:  # of the size limits: routes answer their own
            await make_response(problem, self.public_url, scope)(scope, receive, send_noted)
        except TimeoutError:
            self.log.warning("answer too slow", request_id=request_id)
            slow = Problem(TOO_SLOW, f"the answer took more than {self.answer_seconds:.0f} s")
            await make_response(slow, self.public_url, scope)(scope, receive, send_noted)
        except ClientDisconnect:
            self.log.info("the client has left", request_id=request_id)
        except Exception:
            self.log.exception("failed", request_id=request_id)
            if not seen.is_complete:
                raise  # the connection must not look complete
        finally:
            self._note(scope, seen, request_id, time.perf_counter() - started)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, seen: Seen) -> None:
        try:
            async with asyncio.timeout(self.answer_seconds) as seen.timeout:
                await self.app(scope, receive, send)
        finally:
            seen.timeout = None

    def _note(self, scope: Scope, seen: Seen, request_id: str, seconds: float) -> None:
        known: Route | None = scope.get(ROUTE_KEY)
        route = "none" if known is None else known.path
        self.metrics.note_request(scope["method"], route, seen.status, seconds)
        self.log.info(
            "request",
            request_id=request_id,
            method=scope["method"],
            route=route,
            status=seen.status,
            milliseconds=round(seconds * 1000, 2),
            request_bytes=seen.request_bytes,
            response_bytes=seen.response_bytes,
        )


def make_response(problem: Problem, public_url: str, scope: Scope) -> Response:
    """The problem as the answer to the request in `scope`."""
    body = msgspec.json.encode(render_problem(problem, public_url, scope[ID_KEY]))
    return Response(body, problem.kind.status, problem.headers, MEDIA_TYPE)


def _get_cache_headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Also of refusals, which must not be cached for others either."""
    route: Route | None = scope.get(ROUTE_KEY)
    if route is None:
        return []
    if route.is_public:
        return [(b"cache-control", route.cache_control.encode())]
    return PRIVATE_HEADERS


def _get_request_id(scope: Scope) -> str:
    """The sender's own if it is harmless, so that one id can follow a request across services."""
    for name, value in scope["headers"]:
        if name == REQUEST_ID and _GIVEN_ID.fullmatch(value):
            text: str = value.decode("ascii")
            return text
    return secrets.token_hex(8)


def _check_limits(scope: Scope) -> None:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    if len(scope["raw_path"]) + len(scope["query_string"]) > ADDRESS_BYTES_MAX:
        raise Problem(URI_TOO_LONG, f"path and query have at most {ADDRESS_BYTES_MAX} bytes")
    if len(headers) > HEADER_COUNT_MAX:
        raise Problem(HEADERS_TOO_LARGE, f"at most {HEADER_COUNT_MAX} headers")
    if sum(len(name) + len(value) for name, value in headers) > HEADER_BYTES_MAX:
        raise Problem(HEADERS_TOO_LARGE, f"headers have at most {HEADER_BYTES_MAX} bytes")

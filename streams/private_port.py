"""A private port: what a process tells operators and services on its own network, for a token."""

import hmac
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

Handler = Callable[[Request], Awaitable[Response]]


class PrivateServer(uvicorn.Server):
    """Signals are the process' own affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(app: Starlette, listen: str) -> PrivateServer:
    """`listen`: HOST:PORT."""
    host, _, port = listen.rpartition(":")
    config = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        log_level="warning",
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
    )
    return PrivateServer(config)


def has_token(request: Request, token: str) -> bool:
    """Whether the request bears the token; how much of it is right takes no longer to tell."""
    given = request.headers.get("authorization", "")
    return hmac.compare_digest(given.encode(), f"Bearer {token}".encode())


def guard(token: str, handler: Handler) -> Handler:
    """The same for who bears the token; 401 for everybody else."""

    async def guarded(request: Request) -> Response:
        if not has_token(request, token):
            return respond({"error": "the bearer token is missing or wrong"}, 401)
        return await handler(request)

    return guarded


async def read_content(request: Request, bytes_max: int) -> bytes:
    """The body. Raises ValueError if it is larger."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > bytes_max:
            raise ValueError(f"more than {bytes_max} bytes")
    return bytes(content)


def respond(content: Any, status: int = 200) -> Response:
    """JSON."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def respond_health(problems: Sequence[str]) -> Response:
    """Red, by 503, where there are any."""
    content = {"status": "red" if problems else "ok", "problems": problems}
    return respond(content, 503 if problems else 200)

"""A private port: what a process tells operators and services on its own network, for a token."""

import hmac
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request


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

"""The private port of a PSIM process: the only one that it listens on.

Everything but /health and /ready needs the bearer token.
"""

import hmac
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processors.psim.metrics import MEDIA_TYPE, Metrics


class _Server(uvicorn.Server):
    """Signals are the process' own affair."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def make_server(
    listen: str,
    token: str,
    get_status: Callable[[], Mapping[str, Any]],
    list_deposits: Callable[[], list[dict[str, Any]]],
    metrics: Metrics,
) -> uvicorn.Server:
    """`get_status`: an object whose `problems` decide /health."""

    async def get_health(_: Request) -> Response:
        problems = get_status()["problems"]
        content = {"status": "red" if problems else "ok", "problems": problems}
        return _respond(content, 503 if problems else 200)

    async def get_readiness(_: Request) -> Response:
        is_ready = get_status()["sequence"] > 0
        return _respond({"ready": is_ready}, 200 if is_ready else 503)

    def guard(answer: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return _respond({"error": "the bearer token is missing or wrong"}, 401)
            return answer()

        return guarded

    app = Starlette(
        routes=[
            Route("/health", get_health),
            Route("/ready", get_readiness),
            Route("/status", guard(lambda: _respond(get_status()))),
            Route("/deposits", guard(lambda: _respond({"deposits": list_deposits()}))),
            Route(
                "/metrics",
                guard(lambda: Response(metrics.render(get_status()), media_type=MEDIA_TYPE)),
            ),
        ]
    )
    return _make_server(app, listen)


def _make_server(app: Starlette, listen: str) -> uvicorn.Server:
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
    return _Server(config)


def _respond(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")

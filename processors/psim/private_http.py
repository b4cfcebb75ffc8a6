"""The private port of a PSIM process: the only one that it listens on.

Everything but /health and /ready needs the bearer token.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processors.psim.metrics import MEDIA_TYPE, Metrics
from streams import private_port
from streams.private_port import has_token


def make_server(
    listen: str,
    token: str,
    get_status: Callable[[], Mapping[str, Any]],
    list_deposits: Callable[[], list[dict[str, Any]]],
    metrics: Metrics,
) -> private_port.PrivateServer:
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
            if not has_token(request, token):
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
    return private_port.make_server(app, listen)


def _respond(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")

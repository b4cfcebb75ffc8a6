"""The private port of a PSIM process: the only one that it listens on.

Everything but /health and /ready needs the bearer token.
"""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processors.psim.metrics import MEDIA_TYPE, Metrics
from streams import private_port
from streams.private_port import guard, respond, respond_health


def make_server(
    listen: str,
    token: str,
    get_status: Callable[[], Mapping[str, Any]],
    list_deposits: Callable[[], list[dict[str, Any]]],
    metrics: Metrics,
) -> private_port.PrivateServer:
    """`get_status`: an object whose `problems` decide /health."""

    async def get_health(_: Request) -> Response:
        return respond_health(get_status()["problems"])

    async def get_readiness(_: Request) -> Response:
        is_ready = get_status()["sequence"] > 0
        return respond({"ready": is_ready}, 200 if is_ready else 503)

    async def show_status(_: Request) -> Response:
        return respond(get_status())

    async def show_deposits(_: Request) -> Response:
        return respond({"deposits": list_deposits()})

    async def get_metrics(_: Request) -> Response:
        return Response(metrics.render(get_status()), media_type=MEDIA_TYPE)

    app = Starlette(
        routes=[
            Route("/health", get_health),
            Route("/ready", get_readiness),
            Route("/status", guard(token, show_status)),
            Route("/deposits", guard(token, show_deposits)),
            Route("/metrics", guard(token, get_metrics)),
        ]
    )
    return private_port.make_server(app, listen)

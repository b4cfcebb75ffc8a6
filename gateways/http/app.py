"""Makes an ASGI application of a route table: reads parameters, calls handlers, answers problems.

The only place where routes become Starlette's.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateways.http.metrics import Metrics
from gateways.http.middleware import ROUTE_KEY, Middleware, make_response
from gateways.http.problems import (
    BAD_REQUEST,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_FOUND,
    Problem,
)
from gateways.http.rate_limits import RateLimits
from gateways.http.routes import Call, Parameter, Route
from gateways.http.settings import CorsSettings, LimitSettings
from gateways.http.signatures import Signed

EVENT_STREAM = "text/event-stream"

# What pages of other origins may send and see, beside what browsers allow anyway.
REQUEST_HEADERS = (
    "content-digest",
    "content-type",
    "last-event-id",
    "signature",
    "signature-input",
    "x-request-id",
)
RESPONSE_HEADERS = (
    "accept-signature",
    "date",
    "latest-ledger",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-request-id",
)
CORS_SECONDS = 600
BRANCH_KEY = "tokend.branch"


def build_app(
    routes: Sequence[Route],
    service: Any,
    metrics: Metrics,
    public_url: str,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]],
    rates: RateLimits,
    limits: LimitSettings,
    cors: CorsSettings | None = None,
) -> ASGIApp:
    """`service` is handed to every handler; `lifespan` starts and stops it."""
    app = Starlette(
        routes=_branch(
            StarletteRoute(path, _make_endpoint(rows, service, public_url), methods=methods)
            for path, rows, methods in _group(routes)
        ),
        exception_handlers=_make_handlers(public_url),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    edge = Middleware(app, metrics, public_url, rates, limits.answer_seconds)
    if cors is None:
        return edge
    return CORSMiddleware(
        edge,
        allow_origins=cors.origins,
        allow_methods=("GET", "HEAD", "POST"),
        allow_headers=REQUEST_HEADERS,
        expose_headers=RESPONSE_HEADERS,
        max_age=CORS_SECONDS,
    )


def _group(routes: Sequence[Route]) -> list[tuple[str, dict[str, Route], list[str]]]:
    """Rows of one path together, or the first would answer 405 for the others' methods."""
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = route
    return [(path, rows, list(rows)) for path, rows in paths.items()]


class _Branch(BaseRoute):
    """Routes whose paths begin alike. Starlette looks at every route, one after the other, which
    costs a point read a tenth of its time; so it looks at few.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.routes: list[StarletteRoute] = []

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        found: tuple[Match, Scope] = (Match.NONE, {})
        if not scope["path"].startswith(self.prefix):
            return found
        for route in self.routes:
            match, child = route.matches(scope)
            if match is Match.FULL:
                return match, {**child, BRANCH_KEY: route}
            if match is Match.PARTIAL:
                found = (match, {**child, BRANCH_KEY: route})
        return found

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[BRANCH_KEY].handle(scope, receive, send)


def _branch(routes: Iterable[StarletteRoute]) -> list[_Branch]:
    """By the first two words of their paths, none of which is the beginning of another."""
    branches: dict[str, _Branch] = {}
    for route in routes:
        prefix = "/".join(route.path.split("/")[:3])
        branches.setdefault(prefix, _Branch(prefix)).routes.append(route)
    return list(branches.values())


def _make_endpoint(
    rows: dict[str, Route], service: Any, public_url: str
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        route = rows["GET" if request.method == "HEAD" else request.method]
        request.scope[ROUTE_KEY] = route
        signed: Signed | None = None
        if route.guard is not None:  # first of all: strangers learn nothing from mistakes either
            signed = await service.authenticator.identify(request)
        call = Call(
            service,
            request,
            route,
            _read_path(request, route.path_parameters),
            _read_query(request, route.parameters),
            public_url,
            None if signed is None else signed.signer,
        )
        if route.guard is not None and signed is not None:
            await route.guard(call)
            await service.authenticator.require_first_use(signed)  # strangers fill no table
        return await route.handler(call)

    return endpoint


def _read_path(request: Request, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    return {each.name: _parse(each, request.path_params[each.name]) for each in parameters}


def _read_query(request: Request, parameters: tuple[Parameter, ...]) -> dict[str, Any]:
    """Unknown and repeated parameters are refused: a mistyped filter must not show everything."""
    if not request.scope["query_string"]:
        return {}
    known = {each.name: each for each in parameters}
    query: dict[str, Any] = {}
    for name, text in request.query_params.multi_items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise Problem(BAD_REQUEST, f"unknown parameter {name[:50]!r}; this route knows {names}")
        if name in query:
            raise Problem(BAD_REQUEST, f"parameter {name} is given twice")
        query[name] = _parse(known[name], text)
    return query


def _parse(parameter: Parameter, text: str) -> Any:
    try:
        return parameter.type.parse(text)
    except ValueError as error:
        members = {"parameter": parameter.name}
        raise Problem(BAD_REQUEST, f"{parameter.name}: {error}", members) from None


def _make_handlers(public_url: str) -> dict[Any, Any]:
    """Every refusal as problem details, Starlette's own too. What is unexpected the edge logs."""

    async def answer(request: Request, error: Exception) -> Response:
        return make_response(_get_problem(error), public_url, request.scope)

    return {Problem: answer, HTTPException: answer, Exception: answer}


def _get_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException) and error.status_code == 404:
        return Problem(NOT_FOUND, "there is no such route; see /docs")
    if isinstance(error, HTTPException) and error.status_code == 405:
        return Problem(METHOD_NOT_ALLOWED, "see the Allow header", headers=error.headers)
    return Problem(INTERNAL, "an unexpected error, told to the operator's log")


def wants_stream(call: Call) -> bool:
    """Whether the sender asks for server-sent events."""
    accept: str = call.request.headers.get("accept", "")
    return EVENT_STREAM in accept

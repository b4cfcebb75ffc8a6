"""Makes an ASGI application from a service and its route table: the only place that does.

It parses parameters, authenticates, applies limits and guards, calls handlers, answers problems.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match
from starlette.routing import Route as StarletteRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from gateways.http.middleware import HEADERS_KEY, ROUTE_KEY, Middleware, make_response
from gateways.http.negotiation import choose
from gateways.http.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    INTERNAL,
    METHOD_NOT_ALLOWED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    Problem,
)
from gateways.http.rate_limits import By, Standing, get_client
from gateways.http.routes import READS, Call, Parameter, Route
from gateways.http.service import GatewayService
from gateways.http.signatures import Signed

EVENT_STREAM = "text/event-stream"

# What pages of other origins may send and read, besides what browsers always allow.
REQUEST_HEADERS = (
    "content-digest",
    "content-type",
    "idempotency-key",
    "last-event-id",
    "signature",
    "signature-input",
    "x-request-id",
)
RESPONSE_HEADERS = (
    "accept-signature",
    "date",
    "idempotency-replayed",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "x-request-id",
)
CORS_SECONDS = 600
BRANCH_KEY = "tokend.branch"


def build_app(service: GatewayService) -> ASGIApp:
    """The application starts and stops `service`, and hands it to every handler.

    Raises ValueError for a row whose rate class is not in the service's table, and for a public row
    or a stream that takes an Idempotency-Key.
    """
    routes = service.routes
    for route in routes:
        if route.rate_class not in service.rate_limits.names:
            raise ValueError(f"{route.method} {route.path}: no rate class {route.rate_class!r}")
        if route.takes_idempotency_key and (route.is_public or route.streams):
            raise ValueError(f"{route.method} {route.path}: keys are for signed, whole answers")
    app = Starlette(
        routes=_branch(
            StarletteRoute(path, _make_endpoint(rows, service), methods=list(rows))
            for path, rows in _group(routes).items()
        ),
        exception_handlers=_make_handlers(service),
        lifespan=service.run,
    )
    app.router.redirect_slashes = False
    middleware = Middleware(app, service.metrics, service.public_url, service.limits.answer_seconds)
    if service.cors is None:
        return middleware
    return CORSMiddleware(
        middleware,
        allow_origins=service.cors.origins,
        allow_methods=("HEAD", *sorted({route.method for route in routes})),
        allow_headers=REQUEST_HEADERS,
        expose_headers=(*RESPONSE_HEADERS, *service.response_headers),
        max_age=CORS_SECONDS,
    )


def _group(routes: Sequence[Route]) -> dict[str, dict[str, Route]]:
    """The rows of each path by method: else the first row would answer 405 for the others."""
    paths: dict[str, dict[str, Route]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method] = route
    return paths


class _Branch(BaseRoute):
    """Routes whose paths begin alike.

    Starlette tries every route in turn, which costs a tenth of a point read; so it tries branches.
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
    """By the first two segments of their paths, or fewer if they are parameters."""
    branches: dict[str, _Branch] = {}
    for route in routes:
        prefix = "/".join(route.path.partition("{")[0].split("/")[:3])
        branches.setdefault(prefix, _Branch(prefix)).routes.append(route)
    return list(branches.values())


def _make_endpoint(
    rows: dict[str, Route], service: GatewayService
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        route = rows["GET" if request.method == "HEAD" else request.method]
        request.scope[ROUTE_KEY] = route
        _limit_address(service, request.scope, route.rate_class)
        _check_length(request.scope, route)
        signed: Signed | None = None
        if route.guard is not None:  # first of all: strangers learn nothing from mistakes either
            signed = await service.authenticator.authenticate(request)
            _limit_key(service, request.scope, route, signed)
        media_type = _negotiate(request, route)
        call = Call(
            service,
            request,
            route,
            _read_path(request, route.path_parameters),
            _read_query(request, route.parameters),
            service.public_url,
            None if signed is None else signed.signer,
            media_type == EVENT_STREAM,
        )
        if route.guard is not None and signed is not None:
            await route.guard(call)
            # Last, so that keys without rights fill no table.
            await service.authenticator.require_first_use(signed)
            if route.takes_idempotency_key:
                return await service.idempotency.answer(call)
        return await route.handler(call)

    return endpoint


def _limit_address(service: GatewayService, scope: Scope, rate_class: str | None) -> None:
    client: tuple[str, int] | None = scope["client"]
    address = get_client("" if client is None else client[0])
    _note(scope, service.rate_limits.hit(rate_class, By.ADDRESS, address))


def _limit_key(service: GatewayService, scope: Scope, route: Route, signed: Signed) -> None:
    _note(scope, service.rate_limits.hit(route.rate_class, By.KEY, signed.signer.hex()))


def _note(scope: Scope, standing: Standing | None) -> None:
    """Tells the sender where it stands. Raises Problem beyond the limit."""
    if standing is not None:
        scope[HEADERS_KEY].append((b"ratelimit", standing.state.encode()))
        if not standing.is_within:
            raise standing.make_problem()


def _check_length(scope: Scope, route: Route) -> None:
    """Refuses a body that announces itself as too large. What comes is counted as well."""
    length = next((v for n, v in scope["headers"] if n == b"content-length"), b"0")
    if int(length) > route.body_bytes_max:
        raise Problem(CONTENT_TOO_LARGE, f"a body has at most {route.body_bytes_max} bytes")


def _negotiate(request: Request, route: Route) -> str:
    """The media type of the answer. Raises Problem if the sender accepts none of the route's."""
    accept = request.headers.getlist("accept")
    if not accept:
        return route.media_type
    offers = [route.media_type, *([EVENT_STREAM] if route.streams else [])]
    chosen = choose(accept, offers)
    if chosen is None:
        raise Problem(NOT_ACCEPTABLE, f"this route answers {', '.join(offers)}")
    return chosen


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


def _make_handlers(service: GatewayService) -> dict[Any, Any]:
    """Every refusal as problem details, Starlette's too. Unexpected errors go on to the log."""

    async def answer(request: Request, error: Exception) -> Response:
        problem = _get_problem(error)
        if ROUTE_KEY not in request.scope:  # unknown paths and methods are counted too
            try:
                _limit_address(service, request.scope, READS)
            except Problem as refusal:
                problem = refusal
        return make_response(problem, service.public_url, request.scope)

    return {Problem: answer, HTTPException: answer, Exception: answer}


def _get_problem(error: Exception) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException) and error.status_code == 404:
        return Problem(NOT_FOUND, "there is no such route; see /docs")
    if isinstance(error, HTTPException) and error.status_code == 405:
        return Problem(METHOD_NOT_ALLOWED, "see the Allow header", headers=error.headers)
    return Problem(INTERNAL, "an unexpected error; the operator's log has the details")

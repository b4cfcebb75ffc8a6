"""Routes that every gateway has: health, readiness, metrics, OpenAPI, documentation."""

from collections.abc import Sequence
from typing import Protocol

import msgspec
from starlette.responses import Response

from gateways.http import docs, openapi
from gateways.http.documents import respond
from gateways.http.metrics import MEDIA_TYPE as METRICS_TYPE
from gateways.http.metrics import Metrics
from gateways.http.progress import ProgressWatch
from gateways.http.routes import Call, Route

JSON, HTML = "application/json", "text/html; charset=utf-8"
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Serving(Protocol):
    """What these routes ask of a gateway's service. `pages` are made once and kept there."""

    progress: ProgressWatch
    metrics: Metrics
    routes: Sequence[Route]
    title: str
    pages: dict[str, bytes]


class Health(msgspec.Struct, frozen=True):
    """Whether the views move on. `problem` says what is wrong, null when all is well."""

    status: str
    latest_ledger: str
    stalled_seconds: float
    problem: str | None


async def get_health(call: Call) -> Response:
    """Red (503) when nothing has come into the views for three of the network's heartbeats."""
    progress: ProgressWatch = call.service.progress
    stalled = round(progress.stalled_seconds, 1)
    problem = progress.problem
    if problem is None and not progress.is_healthy:
        problem = f"no ledger has come into the views for {stalled} s"
    health = Health("ok" if problem is None else "red", str(progress.sequence), stalled, problem)
    return respond(health, status=200 if problem is None else 503, media_type=JSON)


async def get_ready(call: Call) -> Response:
    """Ready (200) when the views can be read, however old they are."""
    progress: ProgressWatch = call.service.progress
    status = 200 if progress.problem is None else 503
    stalled = round(progress.stalled_seconds, 1)
    word = "ready" if status == 200 else "not ready"
    health = Health(word, str(progress.sequence), stalled, progress.problem)
    return respond(health, status=status, media_type=JSON)


async def get_metrics(call: Call) -> Response:
    return Response(call.service.metrics.render(), media_type=METRICS_TYPE)


async def get_openapi(call: Call) -> Response:
    service: Serving = call.service
    if "openapi" not in service.pages:
        document = openapi.build_document(service.routes, service.title, call.public_url)
        service.pages["openapi"] = msgspec.json.encode(document)
    return Response(service.pages["openapi"], media_type=JSON)


async def get_docs(call: Call) -> Response:
    service: Serving = call.service
    if "docs" not in service.pages:
        service.pages["docs"] = docs.build_page(service.routes, service.title).encode()
    headers = {"Content-Security-Policy": PAGE_POLICY}
    return Response(service.pages["docs"], headers=headers, media_type=HTML)


SYSTEM_ROUTES = (
    Route(
        "/health",
        "GET",
        get_health,
        "Whether the views move on: 503 when no ledger has come for three heartbeats.",
        response=Health,
        media_type=JSON,
        statuses=(200, 503),
    ),
    Route(
        "/ready",
        "GET",
        get_ready,
        "Whether requests can be answered: 503 while the views cannot be read.",
        response=Health,
        media_type=JSON,
        statuses=(200, 503),
    ),
    Route(
        "/metrics",
        "GET",
        get_metrics,
        "Metrics for Prometheus.",
        media_type=METRICS_TYPE,
    ),
    Route(
        "/openapi.json",
        "GET",
        get_openapi,
        "This API in OpenAPI 3.1, made of its route table.",
        response=dict,
        media_type=JSON,
    ),
    Route("/docs", "GET", get_docs, "This page.", media_type=HTML),
)

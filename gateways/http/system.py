"""Routes that every gateway has: health, readiness, metrics, OpenAPI, documentation."""

import msgspec
from starlette.responses import Response

from gateways.http import docs, openapi
from gateways.http.jsonapi import respond
from gateways.http.metrics import MEDIA_TYPE as METRICS_TYPE
from gateways.http.routes import Call, Route
from gateways.http.service import GatewayService, Health

JSON, HTML = "application/json", "text/html; charset=utf-8"
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


async def get_health(call: Call) -> Response:
    return _respond_health(call.service.get_health())


async def get_ready(call: Call) -> Response:
    return _respond_health(call.service.get_ready())


def _respond_health(health: Health) -> Response:
    return respond(health, status=200 if health.problem is None else 503, media_type=JSON)


async def get_metrics(call: Call) -> Response:
    return Response(call.service.metrics.render(), media_type=METRICS_TYPE)


async def get_openapi(call: Call) -> Response:
    service: GatewayService = call.service
    if "openapi" not in service.pages:
        document = openapi.build_document(
            service.routes,
            service.title,
            service.description,
            service.signers,
            call.public_url,
            service.get_schemas(),
        )
        service.pages["openapi"] = msgspec.json.encode(document)
    return Response(service.pages["openapi"], media_type=JSON)


async def get_docs(call: Call) -> Response:
    service: GatewayService = call.service
    if "docs" not in service.pages:
        page = docs.build_page(service.routes, service.title, service.description, service.signers)
        service.pages["docs"] = page.encode()
    headers = {"Content-Security-Policy": PAGE_POLICY}
    return Response(service.pages["docs"], headers=headers, media_type=HTML)


def make_system_routes(health: type[Health]) -> tuple[Route, ...]:
    """The rows of these routes. `health` is the gateway's own type. Probes are not counted."""
    return (
        Route(
            "/health",
            "GET",
            get_health,
            "Whether the gateway does its work: 503 if not, with the reason.",
            rate_class=None,
            response=health,
            media_type=JSON,
            statuses=(200, 503),
        ),
        Route(
            "/ready",
            "GET",
            get_ready,
            "Whether requests can be answered: 503 if not, with the reason.",
            rate_class=None,
            response=health,
            media_type=JSON,
            statuses=(200, 503),
        ),
        Route("/metrics", "GET", get_metrics, "Metrics for Prometheus.", media_type=METRICS_TYPE),
        Route(
            "/openapi.json",
            "GET",
            get_openapi,
            "This API in OpenAPI 3.1, made from its route table.",
            response=dict,
            media_type=JSON,
        ),
        Route("/docs", "GET", get_docs, "This page.", media_type=HTML),
    )

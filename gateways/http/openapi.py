"""OpenAPI 3.1 of a route table. The types that it declares are those that encode the answers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from gateways.http.problems import (
    IDEMPOTENCY_KEY_REUSED,
    REQUEST_IN_FLIGHT,
    SIGNATURE_EXPIRED,
    SIGNATURE_INVALID,
    SIGNATURE_REPLAYED,
    SIGNATURE_REQUIRED,
    STORE_UNAVAILABLE,
    ProblemType,
)
from gateways.http.problems import MEDIA_TYPE as PROBLEM_TYPE
from gateways.http.routes import Parameter, Route
from gateways.http.signatures import ACCEPTED

REFERENCE = "#/components/schemas/{name}"
PROBLEM_SCHEMA = {
    "type": "object",
    "description": "Problem details (RFC 9457); /docs explains each type.",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "remedy": {"type": "string", "description": "What to do."},
    },
    "required": ["type", "title", "status", "detail", "instance", "remedy"],
}

SIGNATURE_SCHEME = {
    "type": "apiKey",
    "in": "header",
    "name": "Signature",
    "description": "A signature (RFC 9421), with Signature-Input and Content-Digest, in the "
    f"profile `{ACCEPTED}`, ",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "8 to 128 letters, digits and ._~+/=-, covered by the signature: the request is "
    "carried out once, and its answer is given again for a day.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._~+/=-]{8,128}$"},
}
IDEMPOTENCY_PROBLEMS = (REQUEST_IN_FLIGHT, IDEMPOTENCY_KEY_REUSED)
SIGNATURE_PROBLEMS = (
    SIGNATURE_REQUIRED,
    SIGNATURE_INVALID,
    SIGNATURE_EXPIRED,
    SIGNATURE_REPLAYED,
    STORE_UNAVAILABLE,
)


def build_document(
    routes: Sequence[Route],
    title: str,
    description: str,
    signers: str,
    public_url: str,
    schemas_used: Mapping[str, Any],
) -> dict[str, Any]:
    """The whole document. Private routes have `x-private` and the security scheme `signature`.

    `schemas_used`: by name, those that the types of the answers refer to.
    """
    scheme = {**SIGNATURE_SCHEME, "description": SIGNATURE_SCHEME["description"] + signers + "."}
    types = _get_types(routes)
    references, components = msgspec.json.schema_components(types, ref_template=REFERENCE)
    schemas = dict(zip(map(str, types), references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _describe(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "3", "description": description},
        "servers": [{"url": public_url}],
        "paths": paths,
        "components": {
            "schemas": {**schemas_used, **components, "Problem": PROBLEM_SCHEMA},
            "securitySchemes": {"signature": scheme},
        },
    }


def _get_types(routes: Sequence[Route]) -> list[Any]:
    bodies = [kind for route in routes for kind in route.accepts.values() if kind is not bytes]
    answers = [route.response for route in routes if route.response is not None]
    return list({str(each): each for each in (*bodies, *answers)}.values())


def _describe(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {route.media_type.partition(";")[0]: {"schema": {"type": "string"}}}
    if route.response is not None:
        content = {route.media_type: {"schema": schemas[str(route.response)]}}
    if route.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    answers = {
        str(status): {"description": "The answer.", "content": {} if status == 204 else content}
        for status in route.statuses
    }
    described: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{_get_name(route.path)}",
        "summary": route.doc,
        "tags": [route.tag],
        "parameters": [
            *(_describe_parameter(each, "path") for each in route.path_parameters),
            *(_describe_parameter(each, "query") for each in route.parameters),
            *([IDEMPOTENCY_KEY] if route.takes_idempotency_key else []),
        ],
        "responses": {**answers, **_describe_problems(_get_problems(route))},
    }
    if route.accepts:
        described["requestBody"] = {"required": True, "content": _describe_body(route, schemas)}
    if not route.is_public:
        described["x-private"] = True
        described["security"] = [{"signature": []}]
    return described


def _get_problems(route: Route) -> tuple[ProblemType, ...]:
    keyed = IDEMPOTENCY_PROBLEMS if route.takes_idempotency_key else ()
    own = (*route.problems, *keyed)
    return own if route.is_public else (*own, *SIGNATURE_PROBLEMS)


def _get_name(path: str) -> str:
    return "".join(word.capitalize() for word in re.findall("[a-z0-9]+", path))


def _describe_parameter(parameter: Parameter, place: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": place,
        "required": place == "path" or parameter.is_required,
        "description": parameter.doc,
        "schema": parameter.type.schema,
    }


def _describe_body(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    """A binary body has no schema in OpenAPI 3.1: its media type says it all."""
    return {
        media_type: {} if kind is bytes else {"schema": schemas[str(kind)]}
        for media_type, kind in route.accepts.items()
    }


def _describe_problems(problems: tuple[ProblemType, ...]) -> dict[str, Any]:
    """Any route may answer any problem; the problems that are its own are named."""
    schema = {"$ref": REFERENCE.format(name="Problem")}
    content = {PROBLEM_TYPE: {"schema": schema}}
    by_status: dict[str, list[str]] = {}
    for problem in problems:
        by_status.setdefault(str(problem.status), []).append(f"{problem.slug}: {problem.title}")
    named = {s: {"description": "; ".join(d), "content": content} for s, d in by_status.items()}
    return {**named, "default": {"description": "A problem.", "content": content}}

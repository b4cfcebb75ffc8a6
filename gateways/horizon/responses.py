"""Answers from the views: JSON:API documents that name the ledger they are consistent with."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.database import Snapshot
from gateways.http import jsonapi
from gateways.http.jsonapi import Document, Links, Resource
from gateways.http.routes import Call
from schemas.values import format_time

LATEST_LEDGER = "Latest-Ledger"


class Meta(msgspec.Struct, frozen=True):
    """The ledger that everything in the document is consistent with."""

    latest_ledger: str
    latest_ledger_closed_at: str


def make_meta(sequence: int, close_time_ms: int) -> Meta:
    return Meta(str(sequence), format_time(close_time_ms))


def respond(
    document: Any, sequence: int, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """`document` as JSON. `sequence`: the ledger it is consistent with."""
    all_headers = {**(headers or {}), LATEST_LEDGER: str(sequence)}
    return jsonapi.respond(document, status, headers=all_headers)


def respond_one(
    call: Call,
    resource: Resource[Any],
    snapshot: Snapshot,
    included: Sequence[Resource[Any]] = (),
) -> Response:
    """One resource as a document."""
    links = Links(f"{call.public_url}{call.request.scope['path']}")
    meta = make_meta(snapshot.sequence, snapshot.close_time_ms)
    return respond(Document(resource, links, meta, list(included)), snapshot.sequence)

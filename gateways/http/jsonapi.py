"""JSON:API documents (version 1.1) as types: what is answered is what OpenAPI declares.

It knows no resource: attributes are each gateway's own types.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/vnd.api+json"
LATEST_LEDGER = "Latest-Ledger"

Attributes = TypeVar("Attributes")


class Identifier(msgspec.Struct, frozen=True):
    """Names a resource."""

    type: str
    id: str


class Relationship(msgspec.Struct, frozen=True):
    """What a resource belongs to or holds."""

    data: Identifier | list[Identifier] | None


class Resource(msgspec.Struct, Generic[Attributes], frozen=True, omit_defaults=True):
    """One thing. `id` is text, also where it is a number."""

    type: str
    id: str
    attributes: Attributes
    relationships: dict[str, Relationship] = {}


class Links(msgspec.Struct, frozen=True, rename={"self_": "self"}):
    """Absolute addresses. `next` is null at the end of what there is, `prev` at its beginning."""

    self_: str
    next: str | None = None
    prev: str | None = None


class Meta(msgspec.Struct, frozen=True):
    """The ledger with which everything in the document is consistent."""

    latest_ledger: str
    latest_ledger_closed_at: str


class Document(msgspec.Struct, Generic[Attributes], frozen=True, omit_defaults=True):
    """One resource. `included` holds what `include=` asked for."""

    data: Resource[Attributes]
    links: Links
    meta: Meta
    included: list[Resource[Any]] = []


class Listing(msgspec.Struct, Generic[Attributes], frozen=True, omit_defaults=True):
    """A page of resources."""

    data: list[Resource[Attributes]]
    links: Links
    meta: Meta


def relate(type_: str, id_: str | None) -> Relationship:
    """To one resource, or to none."""
    return Relationship(None if id_ is None else Identifier(type_, id_))


def relate_many(type_: str, ids: list[str]) -> Relationship:
    return Relationship([Identifier(type_, each) for each in ids])


def respond(
    document: Any,
    latest_ledger: int | None = None,
    status: int = 200,
    media_type: str = MEDIA_TYPE,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`document` as JSON; `latest_ledger` becomes the header of that name."""
    all_headers = dict(headers or {})
    if latest_ledger is not None:
        all_headers[LATEST_LEDGER] = str(latest_ledger)
    return Response(msgspec.json.encode(document), status, all_headers, media_type)

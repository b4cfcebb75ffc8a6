"""JSON:API documents (version 1.1) as types, so that OpenAPI declares what is answered.

Attributes and meta are each gateway's own types.
"""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response

MEDIA_TYPE = "application/vnd.api+json"

Attributes = TypeVar("Attributes")
Meta = TypeVar("Meta")  # what a gateway says about a whole document


class Identifier(msgspec.Struct, frozen=True):
    """Names a resource."""

    type: str
    id: str


class Relationship(msgspec.Struct, frozen=True):
    """What a resource belongs to or holds."""

    data: Identifier | list[Identifier] | None


class Resource(msgspec.Struct, Generic[Attributes], frozen=True, omit_defaults=True):
    """One resource. `id` is text, also where it is a number."""

    type: str
    id: str
    attributes: Attributes
    relationships: dict[str, Relationship] = {}


class Links(msgspec.Struct, frozen=True, rename={"self_": "self"}):
    """Absolute addresses. `next` is null on the last page, `prev` on the first."""

    self_: str
    next: str | None = None
    prev: str | None = None


class Document(msgspec.Struct, Generic[Attributes, Meta], frozen=True, omit_defaults=True):
    """One resource. `included` holds what `include=` asked for."""

    data: Resource[Attributes]
    links: Links
    meta: Meta
    included: list[Resource[Any]] = []


class Listing(msgspec.Struct, Generic[Attributes, Meta], frozen=True, omit_defaults=True):
    """A page of resources. `included` holds what `include=` asked for."""

    data: list[Resource[Attributes]]
    links: Links
    meta: Meta
    included: list[Resource[Any]] = []


def relate(type_: str, id_: str | None) -> Relationship:
    """To one resource, or to none."""
    return Relationship(None if id_ is None else Identifier(type_, id_))


def relate_many(type_: str, ids: list[str]) -> Relationship:
    return Relationship([Identifier(type_, each) for each in ids])


def respond(
    document: Any,
    status: int = 200,
    media_type: str = MEDIA_TYPE,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """`document` as JSON."""
    return Response(msgspec.json.encode(document), status, headers, media_type)

"""Answers of a KeyServer: JSON:API documents with its clock, and what bodies are made of."""

import time
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.http.jsonapi import Document, Links, Resource, respond
from gateways.http.problems import BAD_REQUEST, Problem
from gateways.http.routes import Call
from gateways.identity.emails import EmailError, normalise_email
from schemas.generated.common import PublicKey
from schemas.strkey import StrkeyError, decode_account_id

JSON = "application/json"
Address = Annotated[str, msgspec.Meta(max_length=254)]
KeyText = Annotated[str, msgspec.Meta(pattern=r"^G[A-Z2-7]{55}$")]
Box = Annotated[bytes, msgspec.Meta(min_length=41, max_length=4_096)]
Locale = Annotated[str, msgspec.Meta(pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]{2,4})?)?$")]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of bodies: an unknown member is an error, because a mistyped one must be."""


class Meta(msgspec.Struct, frozen=True):
    """The server's clock."""

    server_time_ms: str


def answer(call: Call, type_: str, id_: str, attributes: Any, status: int = 200) -> Response:
    """One resource."""
    links = Links(f"{call.public_url}{call.request.scope['path']}")
    return respond(Document(Resource(type_, id_, attributes), links, make_meta()), status)


def make_meta() -> Meta:
    return Meta(str(time.time_ns() // 1_000_000))


def read_email(text: str) -> str:
    """In normal form. Raises Problem."""
    try:
        return normalise_email(text)
    except EmailError as error:
        raise Problem(BAD_REQUEST, f"email: {error}") from None


def read_key(text: str, member: str) -> PublicKey:
    """Raises Problem."""
    try:
        return PublicKey(decode_account_id(text))
    except StrkeyError as error:
        raise Problem(BAD_REQUEST, f"{member}: {error}") from None

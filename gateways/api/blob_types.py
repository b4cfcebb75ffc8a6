"""Types of blobs: JSON with a schema, or files. Administrators make them, all may read them."""

import re
from typing import Annotated, Any, Literal

import jsonschema_rs
import msgspec
from starlette.responses import Response

from gateways.api.access import Right, make_administrator_guard
from gateways.api.answers import Meta, Row, respond_all, respond_one, show_time
from gateways.api.problems import CONTENT_INVALID, LEDGER_UNAVAILABLE, TYPE_IN_USE
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    STORE_UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route

JSON = "application/json"
SCHEMA_BYTES_MAX = 64 * 1024
JSON_BYTES_MAX, FILE_BYTES_MAX = 64 * 1024, 64 * 1024 * 1024
NAME_PATTERN = "^[a-z][a-z0-9_.-]{0,63}$"
MediaType = Annotated[str, msgspec.Meta(pattern="^[a-z]+/[a-z0-9.+-]{1,64}$")]
COLUMNS = "name, visibility, schema, content_types, bytes_max, changed_at"
LIST = f"select {COLUMNS} from api.blob_types order by name"  # noqa: S608
FIND = f"select {COLUMNS} from api.blob_types where name = %s"  # noqa: S608
PUT = """
insert into api.blob_types as t (name, visibility, schema, content_types, bytes_max)
values (%s, %s, %s, %s, %s) on conflict (name) do update
set visibility = excluded.visibility, schema = excluded.schema,
    content_types = excluded.content_types, bytes_max = excluded.bytes_max,
    changed_at = clock_timestamp()
where (t.visibility, t.schema, t.content_types, t.bytes_max) is not distinct from
    (excluded.visibility, excluded.schema, excluded.content_types, excluded.bytes_max)
or not exists (select 1 from api.blobs b where b.type = t.name)
    and not exists (select 1 from api.uploads u where u.type = t.name)
returning 1"""


def _parse_name(text: str) -> str:
    if not re.fullmatch(NAME_PATTERN, text):
        raise ValueError("expected a small letter, then small letters, digits and _.-")
    return text


NAME = ParameterType(_parse_name, {"type": "string", "pattern": NAME_PATTERN})
TYPE = Parameter("name", NAME, "The name of a type.")


class BlobType(msgspec.Struct, forbid_unknown_fields=True):
    """`visibility`: `private` is for the owner, `administrators` for them too, `public` for all.
    `schema`: JSON Schema of the content; without one it is a file of one of `content_types`.
    """

    visibility: Literal["private", "administrators", "public"]
    bytes_max: Annotated[int, msgspec.Meta(ge=1, le=FILE_BYTES_MAX)]
    schema: dict[str, Any] | None = None
    content_types: Annotated[list[MediaType], msgspec.Meta(max_length=20)] = []


class BlobTypeAttributes(msgspec.Struct, frozen=True):
    """As it was made."""

    visibility: str
    bytes_max: str
    schema: dict[str, Any] | None
    content_types: list[str]
    changed_at: str


class KnownType(msgspec.Struct, frozen=True):
    """A type as handlers use it. `schema`: its JSON."""

    name: str
    visibility: str
    schema: bytes | None
    content_types: list[str]
    bytes_max: int


async def put_type(call: Call) -> Response:
    """A type that is in use stays as it is."""
    api: Api = call.service
    given: BlobType = await read_body(call)
    _check(given)
    schema = None if given.schema is None else msgspec.json.encode(given.schema, order="sorted")
    name = call.path[TYPE.name]
    content_types = sorted(set(given.content_types))
    values = (name, given.visibility, schema, content_types, given.bytes_max)
    if not await api.store.execute(PUT, values):
        raise Problem(TYPE_IN_USE, f"something is of the type {name}")
    return respond_one(call, _render((await api.store.execute(FIND, (name,)))[0]))


def _check(given: BlobType) -> None:
    if (given.schema is None) is not bool(given.content_types):
        raise Problem(BAD_REQUEST, "give either a schema or content_types")
    if given.schema is not None:
        if given.bytes_max > JSON_BYTES_MAX:
            raise Problem(BAD_REQUEST, f"bytes_max of JSON: at most {JSON_BYTES_MAX}")
        make_validator(given.schema)


def make_validator(schema: Any) -> Any:
    """Nothing is fetched for it, and patterns cannot backtrack. Raises Problem."""
    try:
        return jsonschema_rs.Draft202012Validator(
            schema,
            retriever=_refuse,
            validate_formats=True,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError) as error:
        raise Problem(CONTENT_INVALID, f"the schema: {_shorten(error)}") from None


def validate_content(known: KnownType, content: bytes) -> None:
    """Raises Problem."""
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(CONTENT_INVALID, f"the content is no JSON: {error}") from None
    try:
        make_validator(msgspec.json.decode(known.schema or b"{}")).validate(value)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        raise Problem(CONTENT_INVALID, _shorten(error)) from None


def _refuse(uri: str) -> Any:
    raise ValueError(f"a schema refers to itself only, not to {uri[:100]}")


def _shorten(error: Exception) -> str:
    return str(getattr(error, "message", None) or error).partition("\n")[0][:300]


async def find_type(api: Api, name: str) -> KnownType:
    """Raises Problem."""
    rows = await api.store.execute(FIND, (name,))
    if not rows:
        raise Problem(NOT_FOUND, f"there is no type {name}")
    return KnownType(*rows[0][:5])


async def list_types(call: Call) -> Response:
    api: Api = call.service
    return respond_all(call, [_render(row) for row in await api.store.execute(LIST)])


async def get_type(call: Call) -> Response:
    api: Api = call.service
    rows = await api.store.execute(FIND, (call.path[TYPE.name],))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such type")
    return respond_one(call, _render(rows[0]))


def _render(row: Row) -> Resource[BlobTypeAttributes]:
    name, visibility, schema, content_types, bytes_max, changed_at = row
    shown = None if schema is None else msgspec.json.decode(schema)
    attributes = BlobTypeAttributes(
        visibility, str(bytes_max), shown, content_types, show_time(changed_at)
    )
    return Resource("blob-types", name, attributes)


ROUTES = (
    Route(
        "/v1/blob-types",
        "GET",
        list_types,
        "The types of blobs.",
        response=Listing[BlobTypeAttributes, Meta],
        problems=(BAD_REQUEST, STORE_UNAVAILABLE),
        tag="blobs",
    ),
    Route(
        "/v1/blob-types/{name}",
        "GET",
        get_type,
        "One type, with its schema.",
        response=Document[BlobTypeAttributes, Meta],
        path_parameters=(TYPE,),
        problems=(BAD_REQUEST, NOT_FOUND, STORE_UNAVAILABLE),
        tag="blobs",
    ),
    Route(
        "/v1/blob-types/{name}",
        "PUT",
        put_type,
        "Make a type, or change one that nothing is of.",
        make_administrator_guard(Right.MANAGE_TYPES),
        rate_class=WRITES,
        response=Document[BlobTypeAttributes, Meta],
        path_parameters=(TYPE,),
        accepts={JSON: BlobType},
        body_bytes_max=SCHEMA_BYTES_MAX,
        problems=(
            BAD_REQUEST,
            FORBIDDEN,
            UNSUPPORTED_MEDIA_TYPE,
            CONTENT_INVALID,
            TYPE_IN_USE,
            LEDGER_UNAVAILABLE,
        ),
        tag="blobs",
    ),
)

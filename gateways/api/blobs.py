"""Blobs: contents of known types, named by their hashes. What is JSON is kept sealed in the
database; files are in the bucket (`uploads`).

A blob's id is SHA-256 over owner, type and the SHA-256 of its exact bytes: the same content again
is the same blob. The path names the owner, and rows are found by owner and id together.
"""

from hashlib import sha256
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.api.access import (
    ACCOUNT,
    Right,
    get_account,
    get_signer,
    guard_owner,
    is_owner,
    make_guard,
)
from gateways.api.answers import Meta, Row, read_rows, respond_one, respond_rows, show_time
from gateways.api.audit import note
from gateways.api.blob_types import NAME, find_type, validate_content
from gateways.api.problems import (
    CONTENT_INVALID,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
)
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.api.usage import give_back, take
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.keyset import Collection, Filter
from gateways.http.parameter_types import HASH, NUMBER
from gateways.http.problems import (
    BAD_CURSOR,
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    FORBIDDEN,
    NOT_FOUND,
    STORE_UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import PAGE, Call, Parameter, Route
from schemas.strkey import encode_account_id

JSON = "application/json"
BLOB = Parameter("id", HASH, "The id of a blob.")
TYPE = Parameter("type", NAME, "The name of its type.", is_required=True)
OF_TYPE = Filter(Parameter("filter[type]", NAME, "Of this type only."), "b.type = %s")
VISIBLE = Filter(Parameter("visible", NAME, "What the sender may see."), "t.visibility = any(%s)")
COLUMNS = (
    "b.number, b.blob_id, b.signer, b.type, t.visibility, b.content_type, b.bytes, b.sha256,"
    " b.object_key, b.created_at"
)
SOURCE = "api.blobs b join api.blob_types t on t.name = b.type"
BLOBS = Collection(
    "blobs",
    SOURCE,
    COLUMNS,
    "b.number",
    NUMBER,
    (Filter(ACCOUNT, "b.account_id = %s"), OF_TYPE, VISIBLE),
)
FIND = f"select {COLUMNS}, b.content from {SOURCE} where b.blob_id = %s and b.account_id = %s"  # noqa: S608
FIND_PUBLIC = (
    f"select {COLUMNS}, b.content, b.account_id from {SOURCE}"  # noqa: S608
    " where b.blob_id = %s and t.visibility = 'public'"
)
INSERT = (
    "insert into api.blobs"
    " (blob_id, account_id, signer, type, content_type, bytes, sha256, content, object_key)"
    " values (%s, %s, %s, %s, %s, %s, %s, %s, %s) on conflict (blob_id) do nothing returning 1"
)
DELETE = "delete from api.blobs where blob_id = %s and account_id = %s returning bytes, object_key"
KEPT_NO_MORE = (
    "update api.uploads set is_kept = false, has_room = false, expires_at = clock_timestamp()"
    " where object_key = %s"
)
ALL, SHOWN = ["private", "administrators", "public"], ["administrators", "public"]


class BlobAttributes(msgspec.Struct, frozen=True):
    """`download_url`: of a large one, for five minutes; shown with a single blob alone."""

    account: str
    signer: str
    type: str
    visibility: str
    content_type: str
    bytes: str
    sha256: str
    created_at: str
    download_url: str | None = None


def compute_blob_id(account_id: bytes, type_: str, digest: bytes) -> bytes:
    """`digest`: SHA-256 of the content's bytes."""
    name = type_.encode()
    return sha256(b"tokend-blob" + account_id + bytes([len(name)]) + name + digest).digest()


async def post_blob(call: Call) -> Response:
    """201: it is new. 200: it was there."""
    api: Api = call.service
    content: bytes = await read_body(call)
    if TYPE.name not in call.query:
        raise Problem(BAD_REQUEST, "this route needs type", {"parameter": TYPE.name})
    known = await find_type(api, call.query[TYPE.name])
    if known.schema is None:
        raise Problem(CONTENT_INVALID, f"contents of {known.name} are uploaded, see uploads")
    if len(content) > known.bytes_max:
        raise Problem(CONTENT_TOO_LARGE, f"{known.name}: at most {known.bytes_max} bytes")
    validate_content(known, content)
    account_id, digest = get_account(call), sha256(content).digest()
    blob_id = compute_blob_id(account_id, known.name, digest)
    sealed = api.keks.wrap(content, _name(blob_id))
    head = (blob_id, account_id, get_signer(call), known.name, JSON, len(content), digest)
    async with api.store.transact() as transaction:
        is_new = bool(await transaction.execute(INSERT, (*head, sealed, None)))
        if is_new:
            await take(transaction, account_id, len(content), api.settings.quotas)
    return await respond_blob(call, blob_id, 201 if is_new else 200)


async def list_blobs(call: Call) -> Response:
    visible = ALL if is_owner(call) else SHOWN
    filters = {ACCOUNT.name: get_account(call), VISIBLE.parameter.name: visible}
    rows, links = await read_rows(call, BLOBS, filters)
    await _note(call, "blobs")
    account_id = get_account(call)
    return respond_rows(call, rows, links, lambda row: _render(row, account_id))


async def get_blob(call: Call) -> Response:
    row = await _find(call)
    await _note(call, "blob")
    return await respond_blob(call, row[1])


async def get_content(call: Call) -> Response:
    api: Api = call.service
    row = await _find(call)
    await _note(call, "blob-content")
    return _respond_content(api, row)


async def get_public_content(call: Call) -> Response:
    """Of a type that is public, for anybody who has the id."""
    api: Api = call.service
    rows = await api.store.execute(FIND_PUBLIC, (call.path[BLOB.name],))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such public blob")
    return _respond_content(api, rows[0])


async def delete_blob(call: Call) -> Response:
    api: Api = call.service
    account_id = get_account(call)
    async with api.store.transact() as transaction:
        rows = await transaction.execute(DELETE, (call.path[BLOB.name], account_id))
        if not rows:
            raise Problem(NOT_FOUND, "the account has no such blob")
        ((length, key),) = rows
        await give_back(transaction, account_id, length)
        if key is not None:  # the object is deleted in the background
            await transaction.execute(KEPT_NO_MORE, (key,))
    return Response(status_code=204)


async def respond_blob(call: Call, blob_id: bytes, status: int = 200) -> Response:
    """The blob of the account in the path, with the address of its content."""
    api: Api = call.service
    account_id = get_account(call)
    rows = await api.store.execute(FIND, (blob_id, account_id))
    if not rows:
        raise Problem(NOT_FOUND, "the account has no such blob")
    key = rows[0][8]
    url = None if key is None else api.objects.presign_get(key)
    account = encode_account_id(account_id)
    path = f"/v1/accounts/{account}/blobs/{blob_id.hex()}"
    return respond_one(call, _render(rows[0], account_id, url), status, path)


async def _find(call: Call) -> Row:
    """The row, if the sender may see it. Raises Problem."""
    api: Api = call.service
    rows = await api.store.execute(FIND, (call.path[BLOB.name], get_account(call)))
    if not rows or not (is_owner(call) or rows[0][4] in SHOWN):
        raise Problem(NOT_FOUND, "the account has no such blob")
    return rows[0]


async def _note(call: Call, action: str) -> None:
    if not is_owner(call):
        await note(call.service.store, call, action, [(get_account(call), None)])


def _respond_content(api: Api, row: Row) -> Response:
    """The exact bytes, never run by a browser. Large ones are fetched from the bucket."""
    blob_id, content_type, key, content = row[1], row[5], row[8], row[10]
    headers = {"Content-Disposition": "attachment"}
    if key is not None:
        raise Problem(NOT_FOUND, "it is large: follow the download_url of the blob")
    return Response(api.keks.unwrap(content, _name(blob_id)), 200, headers, content_type)


def render_blob(api: Api, account_id: bytes, row: Row) -> tuple[str, BlobAttributes, Any]:
    """Its id, its attributes, and its content if that is JSON. `row`: as `FIND` reads it."""
    blob = _render(row, account_id)
    sealed = row[10]
    content = None if sealed is None else api.keks.unwrap(sealed, _name(row[1]))
    return blob.id, blob.attributes, None if content is None else msgspec.json.decode(content)


def _name(blob_id: bytes) -> str:
    return f"blobs/{blob_id.hex()}"


def _render(row: Row, account_id: bytes, url: str | None = None) -> Resource[BlobAttributes]:
    _, blob_id, signer, type_, visibility, content_type, length, digest, _, created_at, *_ = row
    attributes = BlobAttributes(
        encode_account_id(account_id),
        encode_account_id(signer),
        type_,
        visibility,
        content_type,
        str(length),
        digest.hex(),
        show_time(created_at),
        url,
    )
    return Resource("blobs", blob_id.hex(), attributes)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)
_guard = make_guard(Right.READ_BLOBS)

ROUTES = (
    Route(
        "/v1/accounts/{account}/blobs",
        "POST",
        post_blob,
        "Store JSON of a type: the body is kept byte for byte.",
        guard_owner,
        rate_class=WRITES,
        response=Document[BlobAttributes, Meta],
        path_parameters=(ACCOUNT,),
        parameters=(TYPE,),
        accepts={JSON: bytes},
        statuses=(200, 201),
        problems=(
            *_PROBLEMS,
            NOT_FOUND,
            UNSUPPORTED_MEDIA_TYPE,
            CONTENT_TOO_LARGE,
            CONTENT_INVALID,
            QUOTA_EXCEEDED,
        ),
        tag="blobs",
    ),
    Route(
        "/v1/accounts/{account}/blobs",
        "GET",
        list_blobs,
        "The blobs of an account that the sender may see.",
        _guard,
        response=Listing[BlobAttributes, Meta],
        path_parameters=(ACCOUNT,),
        parameters=(OF_TYPE.parameter, *PAGE),
        problems=(*_PROBLEMS, BAD_CURSOR),
        tag="blobs",
    ),
    Route(
        "/v1/accounts/{account}/blobs/{id}",
        "GET",
        get_blob,
        "One blob, without its content.",
        _guard,
        response=Document[BlobAttributes, Meta],
        path_parameters=(ACCOUNT, BLOB),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="blobs",
    ),
    Route(
        "/v1/accounts/{account}/blobs/{id}/content",
        "GET",
        get_content,
        "The content, byte for byte.",
        _guard,
        media_type=JSON,
        response=Any,
        path_parameters=(ACCOUNT, BLOB),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="blobs",
    ),
    Route(
        "/v1/accounts/{account}/blobs/{id}",
        "DELETE",
        delete_blob,
        "Delete a blob.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, BLOB),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="blobs",
    ),
    Route(
        "/v1/blobs/{id}/content",
        "GET",
        get_public_content,
        "The content of a public blob.",
        media_type=JSON,
        response=Any,
        path_parameters=(BLOB,),
        problems=(BAD_REQUEST, NOT_FOUND, STORE_UNAVAILABLE),
        tag="blobs",
    ),
)

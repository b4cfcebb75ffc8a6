"""Large contents: announced, sent to the bucket by a presigned PUT, checked, then committed.

The address is good for exactly the announced length, media type and SHA-256. It can be used again
until it expires, so every commit copies the object to a name of its own that nobody was given, and
checks the copy. The table names every object until it is deleted: whatever dies midway, nothing is
forgotten.
"""

import uuid
from typing import Annotated, NamedTuple

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, get_signer, guard_owner
from gateways.api.answers import Meta, respond_one
from gateways.api.blob_types import NAME_PATTERN, find_type
from gateways.api.blobs import INSERT, BlobAttributes, compute_blob_id, respond_blob
from gateways.api.objects import ADDRESS_SECONDS
from gateways.api.problems import (
    CONTENT_INVALID,
    DOCUMENTS_UNAVAILABLE,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    UPLOAD_INCOMPLETE,
)
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.api.usage import take
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    CONTENT_TOO_LARGE,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route
from schemas.values import format_time

JSON = "application/json"
BODY_BYTES_MAX = 4 * 1024
KEPT_SECONDS = 1_800  # to commit what was sent
UPLOAD = Parameter(
    "id", ParameterType(uuid.UUID, {"type": "string", "format": "uuid"}), "The id of an upload."
)
ANNOUNCE = (
    "insert into api.uploads (upload_id, account_id, signer, type, content_type, bytes, sha256,"
    " upload_key, expires_at) values (%s, %s, %s, %s, %s, %s, %s, %s,"
    " clock_timestamp() + make_interval(secs => %s))"
)
FIND = (
    "select signer, type, content_type, bytes, sha256, upload_key, is_kept"
    " from api.uploads where upload_id = %s and account_id = %s"
    " and (is_kept or expires_at > clock_timestamp())"
)
TRIES_MAX = 20
TRY = (
    "update api.uploads set tried_keys = tried_keys || %s::text where upload_id = %s"
    " and not is_kept and expires_at > clock_timestamp() and cardinality(tried_keys) < %s"
    " returning 1"
)
KEEP = (
    "update api.uploads set is_kept = true, object_key = %s where upload_id = %s and not is_kept"
    " and expires_at > clock_timestamp() returning 1"
)
DROP = "update api.uploads set expires_at = clock_timestamp() where upload_id = %s and not is_kept"


class UploadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`sha256`: of the content, hexadecimal."""

    type: Annotated[str, msgspec.Meta(pattern=NAME_PATTERN)]
    content_type: Annotated[str, msgspec.Meta(max_length=100)]
    bytes: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class UploadAttributes(msgspec.Struct, frozen=True):
    """PUT the content to `url` with exactly these `headers` before `expires_at`, then commit."""

    url: str
    method: str
    headers: dict[str, str]
    expires_at: str


class Announced(NamedTuple):
    """As `FIND` returns it. `upload_key`: to where it is sent."""

    signer: bytes
    type: str
    content_type: str
    length: int
    sha256: bytes
    upload_key: str
    is_kept: bool


async def announce(call: Call) -> Response:
    api: Api = call.service
    given: UploadRequest = await read_body(call)
    known = await find_type(api, given.type)
    if given.content_type not in known.content_types:
        allowed = ", ".join(known.content_types) or "JSON, see blobs"
        raise Problem(CONTENT_INVALID, f"{known.name}: allowed is {allowed}")
    if given.bytes > known.bytes_max:
        raise Problem(CONTENT_TOO_LARGE, f"{known.name}: at most {known.bytes_max} bytes")
    upload_id, digest = uuid.uuid4(), bytes.fromhex(given.sha256)
    upload_key = f"uploads/{upload_id}"
    account_id = get_account(call)
    head = (upload_id, account_id, get_signer(call), known.name, given.content_type)
    values = (*head, given.bytes, digest, upload_key, KEPT_SECONDS)
    async with api.store.transact() as transaction:
        await take(transaction, account_id, given.bytes, api.settings.quotas)
        await transaction.execute(ANNOUNCE, values)
    url = api.objects.presign_put(upload_key, given.bytes, given.content_type, digest)
    attributes = UploadAttributes(
        url,
        "PUT",
        api.objects.get_headers(given.content_type, digest),
        format_time(api.now_ms() + ADDRESS_SECONDS * 1_000),
    )
    return respond_one(call, Resource("uploads", str(upload_id), attributes), 201)


async def commit(call: Call) -> Response:
    """201: the blob. Again it answers the same."""
    api: Api = call.service
    account_id, upload_id = get_account(call), call.path[UPLOAD.name]
    found = await _find(api, upload_id, account_id)
    blob_id = compute_blob_id(account_id, found.type, found.sha256)
    object_key = f"blobs/{uuid.uuid4()}"
    if found.is_kept or not await _copy(api, upload_id, account_id, found, object_key):
        return await respond_blob(call, blob_id, 201)
    if await api.objects.compute_digest(object_key, found.length) != found.sha256:
        await api.objects.delete(object_key)
        raise Problem(UPLOAD_INCOMPLETE, "the uploaded bytes are not those announced")
    head = (blob_id, account_id, found.signer, found.type, found.content_type, found.length)
    async with api.store.transact() as transaction:
        is_new = await transaction.execute(INSERT, (*head, found.sha256, None, object_key))
        if is_new and not await transaction.execute(KEEP, (object_key, upload_id)):
            raise Problem(NOT_FOUND, "the upload is over")
        if not is_new:  # the same content is there: this copy goes, with its room
            await transaction.execute(DROP, (upload_id,))
    await api.objects.delete(found.upload_key, *(() if is_new else (object_key,)))
    return await respond_blob(call, blob_id, 201)


async def _find(api: Api, upload_id: uuid.UUID, account_id: bytes) -> Announced:
    rows = await api.store.execute(FIND, (upload_id, account_id))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such upload, or it is over")
    return Announced(*rows[0])


async def _copy(
    api: Api, upload_id: uuid.UUID, account_id: bytes, found: Announced, object_key: str
) -> bool:
    """False: another commit was faster, and the blob is there. Raises Problem."""
    is_noted = await api.store.execute(TRY, (object_key, upload_id, TRIES_MAX))
    if is_noted and await api.objects.copy(found.upload_key, object_key):
        return True
    if (await _find(api, upload_id, account_id)).is_kept:
        return False
    raise Problem(UPLOAD_INCOMPLETE, "nothing was uploaded, or too many have tried")


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, NOT_FOUND, LEDGER_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/uploads",
        "POST",
        announce,
        "Announce a large content; the answer says where to send it.",
        guard_owner,
        rate_class=WRITES,
        response=Document[UploadAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: UploadRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(
            *_PROBLEMS,
            UNSUPPORTED_MEDIA_TYPE,
            CONTENT_TOO_LARGE,
            CONTENT_INVALID,
            QUOTA_EXCEEDED,
        ),
        tag="blobs",
    ),
    Route(
        "/v1/accounts/{account}/uploads/{id}/commit",
        "POST",
        commit,
        "Make a blob of what was sent.",
        guard_owner,
        rate_class=WRITES,
        response=Document[BlobAttributes, Meta],
        path_parameters=(ACCOUNT, UPLOAD),
        statuses=(201,),
        problems=(*_PROBLEMS, UPLOAD_INCOMPLETE, DOCUMENTS_UNAVAILABLE),
        tag="blobs",
    ),
)

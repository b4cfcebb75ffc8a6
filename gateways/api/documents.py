"""Documents about a person, which clients have sealed to a key of the KeyChain before they send
them: API has neither the key nor the content, only bytes of an announced hash.

A document is announced, sent to the bucket by presigned addresses, and committed: then its bytes
are copied to a random name that nobody was given, and the copy is checked. Large ones go in parts;
whoever was cut off asks for addresses again and sends the parts that are missing.
"""

import secrets
import uuid
from datetime import datetime
from typing import Annotated, NamedTuple

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
from gateways.api.answers import Meta, respond_all, respond_one, show_time
from gateways.api.audit import note
from gateways.api.form_types import ClassName
from gateways.api.objects import ADDRESS_SECONDS
from gateways.api.problems import (
    DOCUMENT_IN_USE,
    DOCUMENTS_UNAVAILABLE,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    UPLOAD_INCOMPLETE,
)
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.api.usage import take
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route
from schemas.values import format_time

JSON = "application/json"
SEALED = "application/octet-stream"
BODY_BYTES_MAX = 64 * 1024
PART_BYTES = 8 * 1024 * 1024
PARTS_MAX = 34
SEALED_BYTES_MAX = PARTS_MAX * PART_BYTES
ANNOUNCED_SECONDS = 3_600  # to send and commit
TRIES_MAX = 20
UNUSED_SECONDS = 7 * 86_400  # to hand it in with a form
ID = Parameter(
    "id", ParameterType(uuid.UUID, {"type": "string", "format": "uuid"}), "A document's id."
)
COLUMNS = (
    "document_id, class, key_id, public_key, bytes, sha256, part_hashes, multipart_id, upload_key,"
    " object_key, created_at, expires_at = 'infinity'"
)
SOON = "clock_timestamp() + make_interval(secs => %s)"
ANNOUNCE = (
    "insert into api.documents (document_id, account_id, signer, class, key_id, public_key, bytes,"  # noqa: S608
    " sha256, part_hashes, multipart_id, upload_key, expires_at)"
    f" values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, {SOON})"
)
FIND = (
    f"select {COLUMNS} from api.documents where document_id = %s and account_id = %s"  # noqa: S608
    " and expires_at > clock_timestamp()"
)
LIST = (
    f"select {COLUMNS} from api.documents where account_id = %s and object_key is not null"  # noqa: S608
    " and expires_at > clock_timestamp() order by created_at, document_id limit 1000"
)
TRY = (
    "update api.documents set tried_keys = tried_keys || %s::text where document_id = %s"
    " and object_key is null and cardinality(tried_keys) < %s returning 1"
)
KEEP = (
    f"update api.documents set object_key = %s, expires_at = {SOON} where document_id = %s"  # noqa: S608
    " and object_key is null and expires_at > clock_timestamp() returning 1"
)
DROP = (
    "update api.documents set expires_at = clock_timestamp() where document_id = %s"
    " and expires_at < 'infinity' returning 1"
)
Hash = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
KeyId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Stored(NamedTuple):
    """A row, as `COLUMNS` says. `object_key`: once it is committed."""

    document_id: uuid.UUID
    class_: str
    key_id: bytes
    public_key: bytes
    length: int
    sha256: bytes
    part_hashes: list[bytes]
    multipart_id: str
    upload_key: str
    object_key: str | None
    created_at: datetime
    is_submitted: bool


class DocumentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`bytes`, `sha256`: of the sealed document; more than 8 MiB: with the SHA-256 of each piece of
    8 MiB in `parts`. `key_id`, `public_key`: as the KeyChain made them for it."""

    class_: ClassName = msgspec.field(name="class")
    key_id: KeyId
    public_key: Hash
    bytes: Annotated[int, msgspec.Meta(ge=1, le=SEALED_BYTES_MAX)]
    sha256: Hash
    parts: Annotated[list[Hash], msgspec.Meta(max_length=PARTS_MAX)] = []


class PartAttributes(msgspec.Struct, frozen=True):
    """PUT the bytes from `offset` on, `bytes` of them, to `url` with exactly these `headers`."""

    number: int
    offset: int
    bytes: int
    url: str
    headers: dict[str, str]


class SealedUploadAttributes(msgspec.Struct, frozen=True):
    """What is still to be sent before `expires_at`; then commit. A PUT that is refused by 412 was
    carried out before."""

    parts: list[PartAttributes]
    expires_at: str


class DocumentAttributes(msgspec.Struct, frozen=True):
    """A sealed document. `download_url`: good for five minutes; of single documents only."""

    class_: str = msgspec.field(name="class")
    key_id: str
    public_key: str
    bytes: str
    sha256: str
    created_at: str
    is_submitted: bool
    download_url: str | None = None


async def announce(call: Call) -> Response:
    """The answer says where to send it."""
    api: Api = call.service
    given: DocumentRequest = await read_body(call)
    count = -(-given.bytes // PART_BYTES)
    if len(given.parts) != (count if count > 1 else 0):
        raise Problem(BAD_REQUEST, f"parts: expected {count if count > 1 else 0} hashes")
    document_id, account_id = uuid.uuid4(), get_account(call)
    upload_key = f"quarantine/{secrets.token_hex(24)}"
    multipart_id = await api.objects.begin_parts(upload_key, SEALED) if given.parts else None
    values = (
        document_id,
        account_id,
        get_signer(call),
        given.class_,
        bytes.fromhex(given.key_id),
        bytes.fromhex(given.public_key),
        given.bytes,
        bytes.fromhex(given.sha256),
        [bytes.fromhex(each) for each in given.parts],
        multipart_id,
        upload_key,
        ANNOUNCED_SECONDS,
    )
    async with api.store.transact() as transaction:
        await take(transaction, account_id, given.bytes, api.settings.quotas)
        await transaction.execute(ANNOUNCE, values)
        ((*row,),) = await transaction.execute(FIND, (document_id, account_id))
    return await _respond_upload(call, Stored(*row), 201)


async def resume(call: Call) -> Response:
    """Addresses for what is still missing."""
    found = await _find(call)
    if found.object_key is not None:
        raise Problem(NOT_FOUND, "the document is committed: nothing is missing")
    return await _respond_upload(call, found)


async def commit(call: Call) -> Response:
    """Again it answers the same. Each try copies to a name of its own, which the row knows before:
    so no try can change what another one has checked, and none is forgotten."""
    api: Api = call.service
    found = await _find(call)
    if found.object_key is not None:
        return _respond(call, found)
    if found.part_hashes:
        await _join(api, found)
    object_key = f"documents/{secrets.token_hex(24)}"
    if not await api.store.execute(TRY, (object_key, found.document_id, TRIES_MAX)):
        raise Problem(UPLOAD_INCOMPLETE, "another request commits it, or too many have tried")
    if not await api.objects.copy(found.upload_key, object_key):
        raise Problem(UPLOAD_INCOMPLETE, "nothing was uploaded")
    if await api.objects.compute_digest(object_key, found.length) != found.sha256:
        await api.objects.delete(object_key)
        raise Problem(UPLOAD_INCOMPLETE, "the uploaded bytes are not those announced")
    if await api.store.execute(KEEP, (object_key, UNUSED_SECONDS, found.document_id)):
        await api.objects.delete(found.upload_key)
    return _respond(call, await _find(call))


async def _join(api: Api, found: Stored) -> None:
    """The parts become the uploaded object, unless they are that already. Raises Problem."""
    tags = await api.objects.list_parts(found.upload_key, found.multipart_id)
    missing = len(found.part_hashes) - len(tags)
    if tags and missing:
        raise Problem(UPLOAD_INCOMPLETE, f"{missing} parts are missing")
    if tags:
        await api.objects.join_parts(found.upload_key, found.multipart_id, tags)


async def list_documents(call: Call) -> Response:
    """Those of an account that are committed."""
    api: Api = call.service
    rows = await api.store.execute(LIST, (get_account(call),))
    if not is_owner(call):
        await note(api.store, call, "documents", [(get_account(call), None)])
    return respond_all(call, [_render(Stored(*row), None) for row in rows])


async def get_document(call: Call) -> Response:
    """One, with the address of its sealed bytes."""
    api: Api = call.service
    found = await _find(call)
    if found.object_key is None:
        raise Problem(NOT_FOUND, "the document is not committed")
    if not is_owner(call):
        await note(api.store, call, "document", [(get_account(call), None)])
    return _respond(call, found)


async def delete_document(call: Call) -> Response:
    """One that no submission has."""
    api: Api = call.service
    found = await _find(call)
    if not await api.store.execute(DROP, (found.document_id,)):
        raise Problem(DOCUMENT_IN_USE, "it was handed in")
    return Response(status_code=204)


async def _find(call: Call) -> Stored:
    api: Api = call.service
    rows = await api.store.execute(FIND, (call.path[ID.name], get_account(call)))
    if not rows:
        raise Problem(NOT_FOUND, "the account has no such document, or its upload is over")
    return Stored(*rows[0])


async def _respond_upload(call: Call, found: Stored, status: int = 200) -> Response:
    api: Api = call.service
    key, digest, length = found.upload_key, found.sha256, found.length
    parts = []
    if found.part_hashes:
        there = await api.objects.list_parts(key, found.multipart_id)
        for number, each in enumerate(found.part_hashes, 1):
            if number not in there:
                offset = (number - 1) * PART_BYTES
                size = min(PART_BYTES, length - offset)
                place = api.objects.presign_part(key, found.multipart_id, number, size, each)
                parts.append(PartAttributes(number, offset, size, *place))
    else:
        url = api.objects.presign_put(key, length, SEALED, digest, is_once=True)
        headers = api.objects.get_headers(SEALED, digest, is_once=True)
        parts.append(PartAttributes(1, 0, length, url, headers))
    expires_at = format_time(api.now_ms() + ADDRESS_SECONDS * 1_000)
    attributes = SealedUploadAttributes(parts, expires_at)
    resource = Resource("document-uploads", str(found.document_id), attributes)
    return respond_one(call, resource, status)


def _respond(call: Call, found: Stored) -> Response:
    api: Api = call.service
    if found.object_key is None:
        raise Problem(UPLOAD_INCOMPLETE, "the upload is over")
    return respond_one(call, _render(found, api.objects.presign_get(found.object_key)))


def _render(found: Stored, url: str | None) -> Resource[DocumentAttributes]:
    attributes = DocumentAttributes(
        found.class_,
        found.key_id.hex(),
        found.public_key.hex(),
        str(found.length),
        found.sha256.hex(),
        show_time(found.created_at),
        found.is_submitted,
        url,
    )
    return Resource("documents", str(found.document_id), attributes)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, NOT_FOUND, LEDGER_UNAVAILABLE, DOCUMENTS_UNAVAILABLE)
_guard = make_guard(Right.READ_DOCUMENTS)
_DOCUMENTS = "/v1/accounts/{account}/documents"

ROUTES = (
    Route(
        _DOCUMENTS,
        "POST",
        announce,
        "Announce a sealed document; the answer says where to send it.",
        guard_owner,
        rate_class=WRITES,
        response=Document[SealedUploadAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: DocumentRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, QUOTA_EXCEEDED),
        tag="kyc",
        takes_idempotency_key=True,
    ),
    Route(
        _DOCUMENTS,
        "GET",
        list_documents,
        "The sealed documents of an account.",
        _guard,
        response=Listing[DocumentAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="kyc",
    ),
    Route(
        f"{_DOCUMENTS}/{{id}}",
        "GET",
        get_document,
        "One sealed document, with the address of its bytes.",
        _guard,
        response=Document[DocumentAttributes, Meta],
        path_parameters=(ACCOUNT, ID),
        problems=_PROBLEMS,
        tag="kyc",
    ),
    Route(
        f"{_DOCUMENTS}/{{id}}",
        "DELETE",
        delete_document,
        "Delete a document that was not handed in.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, ID),
        statuses=(204,),
        problems=(*_PROBLEMS, DOCUMENT_IN_USE),
        tag="kyc",
    ),
    Route(
        f"{_DOCUMENTS}/{{id}}/upload",
        "GET",
        resume,
        "Addresses for what is still to be sent.",
        guard_owner,
        response=Document[SealedUploadAttributes, Meta],
        path_parameters=(ACCOUNT, ID),
        problems=_PROBLEMS,
        tag="kyc",
    ),
    Route(
        f"{_DOCUMENTS}/{{id}}/commit",
        "POST",
        commit,
        "Check and keep what was sent.",
        guard_owner,
        rate_class=WRITES,
        response=Document[DocumentAttributes, Meta],
        path_parameters=(ACCOUNT, ID),
        problems=(*_PROBLEMS, UPLOAD_INCOMPLETE),
        tag="kyc",
    ),
)

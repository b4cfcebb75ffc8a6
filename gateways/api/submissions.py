"""Submissions: a filled-in form, sealed by its sender, and documents, under one commitment.

The sender puts the commitment into a request on the ledger. Whoever reviews that request computes
it again from what API shows, so nothing can be exchanged afterwards without being noticed.
"""

import base64
import binascii
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, NamedTuple

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
from gateways.api.documents import Hash, KeyId
from gateways.api.form_types import FormRequest, Name
from gateways.api.forms import find_form, read_content
from gateways.api.kyc_events import tell
from gateways.api.problems import (
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    SUBMISSION_EXISTS,
    SUBMISSION_INVALID,
)
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.client.sealed_documents import compute_sealed_size
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.keyset import Collection, Filter
from gateways.http.parameter_types import HASH, NUMBER
from gateways.http.problems import (
    BAD_CURSOR,
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import PAGE, Call, Parameter, Route
from gateways.http.store import Transaction
from gateways.identity.submissions import SealedPart, Submission, compute_commitment
from schemas.generated.events import KycEventKind
from schemas.strkey import encode_account_id

JSON = "application/json"
FORM_BYTES_MAX = 256 * 1024
BODY_BYTES_MAX = 2 * FORM_BYTES_MAX
SUBMISSIONS_MAX = 200
COMMITMENT = Parameter("commitment", HASH, "The commitment, as the ledger has it.")
COUNT = "select count(*) from api.submissions where account_id = %s"
LOCK = "select pg_advisory_xact_lock(hashtextextended(encode(%s, 'hex'), 4202))"
TAKE = (
    "update api.documents set expires_at = 'infinity' where document_id = any(%s::uuid[])"
    " and account_id = %s and object_key is not null and expires_at > clock_timestamp()"
    " returning document_id::text, class, key_id, public_key, sha256, bytes"
)
INSERT = (
    "insert into api.submissions (commitment, account_id, signer, schema_id, form, form_key_id,"
    " form_key, salt, valid_until) values (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
    " on conflict do nothing returning 1"
)
ADD = "insert into api.submission_documents values (%s, %s, %s)"
NEWEST = "select max(schema_id) from api.forms where role_id = %s"
COLUMNS = (
    "s.number, s.commitment, s.account_id, s.signer, s.schema_id, f.content, s.form, s.form_key_id,"
    " s.form_key, s.salt, s.valid_until, s.created_at, s.erased_at"
)
SOURCE = "api.submissions s join api.forms f using (schema_id)"
FIND = f"select {COLUMNS} from {SOURCE} where s.commitment = %s and s.account_id = %s"  # noqa: S608
DOCUMENTS = (
    "select sd.slot, d.document_id::text, d.class, d.key_id, d.public_key, d.sha256, d.bytes,"
    " d.object_key from api.submission_documents sd join api.documents d using (document_id)"
    " where sd.commitment = %s order by sd.slot"
)
SUBMISSIONS = Collection(
    "submissions",
    SOURCE,
    COLUMNS,
    "s.number",
    NUMBER,
    (Filter(ACCOUNT, "s.account_id = %s"),),
)
Day = Annotated[str, msgspec.Meta(pattern="^20[0-9]{2}-[01][0-9]-[0-3][0-9]$")]
DocumentId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class SubmissionRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`form`: sealed to `public_key` of the KeyChain's key `key_id`, as base64. `salt`: 32 random
    bytes. `documents`: ids by slot. `valid_until`: when what is shown ends; needed where the form
    says how long it is valid, and not later than that."""

    schema_id: Annotated[str, msgspec.Meta(pattern="^[1-9][0-9]{0,18}$")]
    form: Annotated[str, msgspec.Meta(max_length=BODY_BYTES_MAX)]
    key_id: KeyId
    public_key: Hash
    salt: Hash
    documents: Annotated[dict[Name, DocumentId], msgspec.Meta(max_length=20)] = {}
    valid_until: Day | None = None


class ShownDocument(msgspec.Struct, frozen=True):
    """A document of a submission."""

    id: str
    class_: str = msgspec.field(name="class")
    key_id: str
    public_key: str
    sha256: str
    bytes: str
    download_url: str


class SubmissionAttributes(msgspec.Struct, frozen=True):
    """All that the commitment is over. Of an erased one form, salt and documents are gone; lists
    leave them out too."""

    account: str
    signer: str
    schema_id: str
    class_: str = msgspec.field(name="class")
    key_id: str
    public_key: str
    valid_until: str | None
    created_at: str
    erased_at: str | None
    form: str | None = None
    salt: str | None = None
    documents: dict[str, ShownDocument] = {}


class Stored(NamedTuple):
    """A row, as `COLUMNS` says."""

    number: int
    commitment: bytes
    account_id: bytes
    signer: bytes
    schema_id: int
    content: bytes
    form: bytes | None
    key_id: bytes
    public_key: bytes
    salt: bytes | None
    valid_until: date | None
    created_at: datetime
    erased_at: datetime | None


async def submit(call: Call) -> Response:
    """The commitment is the id of what was handed in."""
    api: Api = call.service
    given: SubmissionRequest = await read_body(call)
    account_id = get_account(call)
    row = await find_form(api, int(given.schema_id))
    if row is None:
        raise Problem(SUBMISSION_INVALID, "schema_id: there is no such form")
    ((newest,),) = await api.store.execute(NEWEST, (row[1],))
    if newest != row[0]:
        raise Problem(SUBMISSION_INVALID, f"schema_id: the role has a newer form, {newest}")
    form, sealed = read_content(row), _read_sealed(given.form)
    _check_validity(form, given.valid_until)
    _check_slots(form, given)
    async with api.store.transact() as transaction:
        await transaction.execute(LOCK, (account_id,))
        ((count,),) = await transaction.execute(COUNT, (account_id,))
        if count >= SUBMISSIONS_MAX:
            raise Problem(QUOTA_EXCEEDED, f"an account has at most {SUBMISSIONS_MAX} submissions")
        documents = await _take_documents(transaction, account_id, form, given)
        part = SealedPart(
            form.class_,
            bytes.fromhex(given.key_id),
            bytes.fromhex(given.public_key),
            sha256(sealed).digest(),
        )
        submission = Submission(
            encode_account_id(account_id),
            int(given.schema_id),
            part,
            documents,
            given.valid_until or "",
        )
        salt = bytes.fromhex(given.salt)
        commitment = compute_commitment(salt, submission)
        wrapped = api.keks.wrap(salt, name_salt(commitment))
        head = (commitment, account_id, get_signer(call), given.schema_id, sealed)
        values = (*head, part.key_id, part.public_key, wrapped, given.valid_until)
        if not await transaction.execute(INSERT, values):
            raise Problem(SUBMISSION_EXISTS, commitment.hex())
        for slot, document_id in given.documents.items():
            await transaction.execute(ADD, (commitment, slot, document_id))
        await tell(transaction, KycEventKind.SUBMITTED, account_id, commitment)
    return await _respond(call, commitment, 201)


async def _take_documents(
    transaction: Transaction, account_id: bytes, form: FormRequest, given: SubmissionRequest
) -> dict[str, SealedPart]:
    """They are the submission's from now on. Raises Problem."""
    wanted = sorted(set(given.documents.values()))
    rows = await transaction.execute(TAKE, (wanted, account_id))
    known = {row[0]: row[1:] for row in rows}
    parts = {}
    for slot, document_id in given.documents.items():
        if document_id not in known:
            raise Problem(SUBMISSION_INVALID, f"documents.{slot}: no such committed document")
        class_, key_id, public_key, digest, length = known[document_id]
        if class_ != form.documents[slot].class_:
            raise Problem(SUBMISSION_INVALID, f"documents.{slot}: its class is {class_}")
        if length > compute_sealed_size(form.documents[slot].bytes_max):
            raise Problem(SUBMISSION_INVALID, f"documents.{slot}: it is too large")
        parts[slot] = SealedPart(class_, key_id, public_key, digest)
    return parts


def _read_sealed(text: str) -> bytes:
    try:
        sealed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Problem(SUBMISSION_INVALID, "form: no base64") from None
    if not 1 <= len(sealed) <= FORM_BYTES_MAX:
        raise Problem(SUBMISSION_INVALID, f"form: 1 to {FORM_BYTES_MAX} bytes")
    return sealed


def _check_validity(form: FormRequest, valid_until: str | None) -> None:
    today = datetime.now(UTC).date()
    try:
        end = None if valid_until is None else date.fromisoformat(valid_until)
    except ValueError:
        raise Problem(SUBMISSION_INVALID, "valid_until: there is no such day") from None
    if end is not None and end <= today:
        raise Problem(SUBMISSION_INVALID, "valid_until: it is over")
    if form.days_valid is not None:
        last = today + timedelta(days=form.days_valid)
        if end is None or end > last:
            raise Problem(SUBMISSION_INVALID, f"valid_until: expected a day until {last}")


def _check_slots(form: FormRequest, given: SubmissionRequest) -> None:
    unknown = sorted(set(given.documents) - set(form.documents))
    if unknown:
        raise Problem(SUBMISSION_INVALID, f"documents.{unknown[0]}: the form has no such slot")
    missing = [n for n, slot in form.documents.items() if slot.is_required]
    for name in missing:
        if name not in given.documents:
            raise Problem(SUBMISSION_INVALID, f"documents.{name}: it is missing")


async def list_submissions(call: Call) -> Response:
    rows, links = await read_rows(call, SUBMISSIONS, {ACCOUNT.name: get_account(call)})
    await _note(call, "submissions")
    return respond_rows(call, rows, links, lambda row: _render(Stored(*row)))


async def get_submission(call: Call) -> Response:
    await _note(call, "submission")
    return await _respond(call, call.path[COMMITMENT.name])


async def _respond(call: Call, commitment: bytes, status: int = 200) -> Response:
    api: Api = call.service
    account_id = get_account(call)
    rows = await api.store.execute(FIND, (commitment, account_id))
    if not rows:
        raise Problem(NOT_FOUND, "the account has no such submission")
    found = Stored(*rows[0])
    documents = await api.store.execute(DOCUMENTS, (commitment,))
    resource = _render(found)
    if found.form is not None and found.salt is not None:
        salt = api.keks.unwrap(found.salt, name_salt(commitment))
        attributes = msgspec.structs.replace(
            resource.attributes,
            form=base64.b64encode(found.form).decode(),
            salt=salt.hex(),
            documents={row[0]: _render_document(api, row) for row in documents},
        )
        resource = Resource(resource.type, resource.id, attributes)
    path = f"/v1/accounts/{encode_account_id(account_id)}/submissions/{commitment.hex()}"
    return respond_one(call, resource, status, path)


async def _note(call: Call, action: str) -> None:
    if not is_owner(call):
        await note(call.service.store, call, action, [(get_account(call), None)])


def _render_document(api: Api, row: Row) -> ShownDocument:
    _, document_id, class_, key_id, public_key, digest, length, object_key = row
    url = api.objects.presign_get(object_key)
    return ShownDocument(
        document_id, class_, key_id.hex(), public_key.hex(), digest.hex(), str(length), url
    )


def _render(found: Stored) -> Resource[Any]:
    class_ = msgspec.json.decode(found.content, type=FormRequest).class_
    attributes = SubmissionAttributes(
        encode_account_id(found.account_id),
        encode_account_id(found.signer),
        str(found.schema_id),
        class_,
        found.key_id.hex(),
        found.public_key.hex(),
        None if found.valid_until is None else found.valid_until.isoformat(),
        show_time(found.created_at),
        None if found.erased_at is None else show_time(found.erased_at),
    )
    return Resource("submissions", found.commitment.hex(), attributes)


def name_salt(commitment: bytes) -> str:
    """What a salt is wrapped for."""
    return f"submissions/{commitment.hex()}"


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)
_guard = make_guard(Right.READ_DOCUMENTS)
_SUBMISSIONS = "/v1/accounts/{account}/submissions"
_RESPONSE = Document[SubmissionAttributes, Meta]

ROUTES = (
    Route(
        _SUBMISSIONS,
        "POST",
        submit,
        "Hand in a sealed form with documents.",
        guard_owner,
        rate_class=WRITES,
        response=_RESPONSE,
        path_parameters=(ACCOUNT,),
        accepts={JSON: SubmissionRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(
            *_PROBLEMS,
            UNSUPPORTED_MEDIA_TYPE,
            SUBMISSION_INVALID,
            SUBMISSION_EXISTS,
            QUOTA_EXCEEDED,
            NOT_FOUND,
        ),
        tag="kyc",
    ),
    Route(
        _SUBMISSIONS,
        "GET",
        list_submissions,
        "What an account has handed in, without contents.",
        _guard,
        response=Listing[SubmissionAttributes, Meta],
        path_parameters=(ACCOUNT,),
        parameters=PAGE,
        problems=(*_PROBLEMS, BAD_CURSOR),
        tag="kyc",
    ),
    Route(
        f"{_SUBMISSIONS}/{{commitment}}",
        "GET",
        get_submission,
        "One submission: all that its commitment is over.",
        _guard,
        response=_RESPONSE,
        path_parameters=(ACCOUNT, COMMITMENT),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
)

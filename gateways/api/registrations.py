"""Registration: a statement of the KeyServer becomes an account on the ledger, and a link.

Whoever holds the statement may send it, any number of times: it says who reads mail at an address,
and the account is created once. A statement about an account that is there links the e-mail to it,
if its signer is one of the account's: so keys and addresses change.
"""

import base64
from hashlib import sha256
from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, get_signer, guard_anybody
from gateways.api.answers import Meta, respond_one, show_time
from gateways.api.people import EMAIL, Person, link_stated, seal_address
from gateways.api.problems import (
    ACCOUNT_TAKEN,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    STATEMENT_INVALID,
    STATEMENT_STALE,
)
from gateways.api.service import Api
from gateways.api.settings import REGISTRATIONS
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Resource
from gateways.http.problems import (
    BAD_REQUEST,
    NOT_FOUND,
    STORE_UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Route
from gateways.http.store import Transaction
from gateways.identity.emails import compute_email_hash, normalise_email
from gateways.identity.statements import (
    RegistrationStatement,
    StatementError,
    verify_statement,
)
from schemas.strkey import decode_account_id, encode_account_id

WAIT_SECONDS = 15.0
AGE_MAX_MS, SKEW_MS = 24 * 3_600_000, 60_000
BODY_BYTES_MAX = 8 * 1024
JSON = "application/json"
Base64 = Annotated[str, msgspec.Meta(max_length=2_048)]
OPEN = (
    "insert into api.registrations (account_id, signer, state, ended_at)"
    " values (%s, %s, %s, case when %s = 'PENDING' then null else clock_timestamp() end)"
    " on conflict (account_id) do nothing"
)
# An account that is there is known to be by the ledger alone.
RAISE = (
    "update api.registrations set state = 'CREATED', reason = '', ended_at = clock_timestamp()"
    " where account_id = %s and state <> 'CREATED'"
)
FIND = (
    "select signer, state, reason, created_at, ended_at from api.registrations"
    " where account_id = %s"
)


class RegistrationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`statement`: the exact bytes, and `signature`, as the KeyServer gave them; base64."""

    statement: Base64
    signature: Base64
    email: Annotated[str, msgspec.Meta(max_length=512)]
    locale: Annotated[str, msgspec.Meta(max_length=8, pattern="^[A-Za-z-]*$")] = ""


class RegistrationAttributes(msgspec.Struct, frozen=True):
    """`state`: PENDING until a ledger has the account, then CREATED; REFUSED if it is somebody
    else's. `reason`: a code, of the last try.
    """

    account: str
    signer: str
    state: str
    reason: str
    created_at: str
    ended_at: str | None


async def post_registration(call: Call) -> Response:
    """201 when a ledger has the account, 202 while none has."""
    api: Api = call.service
    given: RegistrationRequest = await read_body(call)
    statement, email, digest = read_statement(api, given)
    signer = decode_account_id(statement.signer)
    address = seal_address(api.keks, EMAIL, email, statement.issued_at_ms)
    found = await api.ledger.get_account(statement.account)
    signers = () if found is None else tuple(found.signers)
    person = Person(decode_account_id(statement.account), signer, given.locale, signers)
    if found is not None and statement.signer not in found.signers:
        raise Problem(ACCOUNT_TAKEN, "the account has no such signer")
    async with api.store.transact() as transaction:
        await _open(transaction, person, is_there=found is not None)
        people_max = api.settings.quotas.people
        is_linked = await link_stated(transaction, person, address, digest, people_max)
    if not is_linked:  # that the address is nobody else's is committed all the same
        raise Problem(STATEMENT_STALE, "a newer statement about this e-mail or person is known")
    if found is None:
        await api.registrar.settle(person.account_id, WAIT_SECONDS)
    resource = await _read(api, person.account_id, signer)
    status = 201 if resource.attributes.state == "CREATED" else 202
    return respond_one(call, resource, status, f"/v1/registrations/{statement.account}")


def read_statement(
    api: Api, given: RegistrationRequest
) -> tuple[RegistrationStatement, str, bytes]:
    """The statement, the e-mail in normal form, the digest of the bytes. Raises Problem."""
    try:
        body = base64.b64decode(given.statement, validate=True)
        signature = base64.b64decode(given.signature, validate=True)
        statement = _verify_by_any(api, body, signature)
        email = normalise_email(given.email)
    except ValueError as error:  # of base64, StatementError, EmailError
        raise Problem(STATEMENT_INVALID, str(error)) from None
    if compute_email_hash(email).hex() != statement.email_hash:
        raise Problem(STATEMENT_INVALID, "the statement is about another e-mail")
    age_ms = api.now_ms() - statement.issued_at_ms
    if not -SKEW_MS <= age_ms <= AGE_MAX_MS:
        raise Problem(STATEMENT_STALE, f"a statement holds for {AGE_MAX_MS // 3_600_000} hours")
    return statement, email, sha256(body).digest()


def _verify_by_any(api: Api, body: bytes, signature: bytes) -> RegistrationStatement:
    """By any of the KeyServer's keys. Raises StatementError."""
    *others, last = map(bytes.fromhex, api.settings.statement_keys)
    for key in others:
        try:
            return verify_statement(key, api.network_id, body, signature)
        except StatementError:
            continue
    return verify_statement(last, api.network_id, body, signature)


async def _open(transaction: Transaction, person: Person, *, is_there: bool) -> None:
    """The registration of an account is the first one for ever. Raises Problem."""
    state = "CREATED" if is_there else "PENDING"
    await transaction.execute(OPEN, (person.account_id, person.signer, state, state))
    if is_there:
        await transaction.execute(RAISE, (person.account_id,))
        return
    ((signer, *_),) = await transaction.execute(FIND, (person.account_id,))
    if signer != person.signer:
        raise Problem(ACCOUNT_TAKEN, "somebody else has asked for this account before")


async def get_registration(call: Call) -> Response:
    """For whoever holds the key that was registered."""
    return respond_one(call, await _read(call.service, get_account(call), get_signer(call)))


async def _read(api: Api, account_id: bytes, signer: bytes) -> Resource[RegistrationAttributes]:
    """Raises Problem if there is none with this signer."""
    rows = await api.store.execute(FIND, (account_id,))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such registration of this key")
    ((known, state, reason, created_at, ended_at),) = rows
    if known != signer and not await api.ledger.is_signer(encode_account_id(account_id), signer):
        raise Problem(NOT_FOUND, "there is no such registration of this key")
    account = encode_account_id(account_id)
    attributes = RegistrationAttributes(
        account,
        encode_account_id(signer),
        state,
        reason,
        show_time(created_at),
        None if ended_at is None else show_time(ended_at),
    )
    return Resource("registrations", account, attributes)


ROUTES = (
    Route(
        "/v1/registrations",
        "POST",
        post_registration,
        "Register by a statement of the KeyServer: the account is created, the e-mail linked.",
        rate_class=REGISTRATIONS,
        response=Document[RegistrationAttributes, Meta],
        accepts={JSON: RegistrationRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201, 202),
        problems=(
            BAD_REQUEST,
            UNSUPPORTED_MEDIA_TYPE,
            STATEMENT_INVALID,
            STATEMENT_STALE,
            ACCOUNT_TAKEN,
            QUOTA_EXCEEDED,
            LEDGER_UNAVAILABLE,
            STORE_UNAVAILABLE,
        ),
        tag="registrations",
    ),
    Route(
        "/v1/registrations/{account}",
        "GET",
        get_registration,
        "Where a registration stands, for the key that was registered.",
        guard_anybody,
        response=Document[RegistrationAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=(BAD_REQUEST, NOT_FOUND, LEDGER_UNAVAILABLE),
        tag="registrations",
    ),
)

"""Invitations: an account asks people to become its signers, administrators of the network too.

Who is invited gets a code by mail, signs up with a key for this account, turns the second factor
on, and shows a statement of the KeyServer that says so: without a second factor nobody is taken.
The key becomes a signer when a signer of the account adds it on the ledger, which alone decides.
"""

import secrets
import uuid
from hashlib import sha256
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, get_signer, guard_anybody, guard_owner
from gateways.api.answers import Meta, respond_all, respond_one, show_time
from gateways.api.people import (
    EMAIL,
    Person,
    link_stated,
    open_address,
    seal_address,
)
from gateways.api.problems import (
    ACCOUNT_TAKEN,
    INVITATION_INVALID,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    SECOND_FACTOR_NEEDED,
    STATEMENT_INVALID,
    STATEMENT_STALE,
)
from gateways.api.registrations import RegistrationRequest, read_statement
from gateways.api.service import Api
from gateways.api.settings import REGISTRATIONS, WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    TOO_MANY_TRIES,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route
from gateways.http.strict_counters import StrictLimit
from gateways.identity.emails import EmailError, normalise_email
from schemas.strkey import decode_account_id, encode_account_id

JSON = "application/json"
BODY_BYTES_MAX = 8 * 1024
DAYS = 7
CODE_BYTES = 16
INVITES = StrictLimit("invitations", 20, first_wait_seconds=5, longest_wait_seconds=600, most=200)
ID = Parameter(
    "id",
    ParameterType(uuid.UUID, {"type": "string", "format": "uuid"}),
    "The id of an invitation.",
)
COLUMNS = (
    "invitation_id, address_hash, sealed, role_id, inviter, signer,"
    " case when state = 'OPEN' and expires_at < clock_timestamp() then 'EXPIRED' else state end,"
    " created_at, expires_at"
)
INSERT = (
    "insert into api.invitations (invitation_id, account_id, inviter, role_id, address_hash,"
    " sealed, code_hash, expires_at)"
    " values (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() + make_interval(days => %s))"
)
LIST = (
    f"select {COLUMNS} from api.invitations where account_id = %s"  # noqa: S608
    " order by created_at desc limit 200"
)
FIND = f"select {COLUMNS} from api.invitations where invitation_id = %s and account_id = %s"  # noqa: S608
WITHDRAW = (
    "update api.invitations set state = 'WITHDRAWN' where invitation_id = %s and account_id = %s"
    " and state = 'OPEN' returning 1"
)
ACCEPT = (
    "update api.invitations set state = 'ACCEPTED', signer = %s where account_id = %s"
    " and address_hash = %s and code_hash = %s and expires_at > clock_timestamp()"
    " and (state = 'OPEN' or state = 'ACCEPTED' and signer = %s) returning invitation_id"
)


class InvitationRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`role_id`: of the signer role that the person is to have."""

    email: Annotated[str, msgspec.Meta(max_length=512)]
    role_id: Annotated[str, msgspec.Meta(pattern="^(0|[1-9][0-9]{0,18})$")]
    locale: Annotated[str, msgspec.Meta(max_length=8, pattern="^[A-Za-z-]*$")] = ""


class InvitationAttributes(msgspec.Struct, frozen=True):
    """`state`: OPEN, ACCEPTED, WITHDRAWN, EXPIRED. `signer`: the key of who has accepted, which a
    signer of the account adds on the ledger."""

    email: str
    role_id: str
    inviter: str
    signer: str | None
    state: str
    created_at: str
    expires_at: str


class AcceptanceRequest(RegistrationRequest, forbid_unknown_fields=True, kw_only=True):
    """`code`: from the mail. The statement says that the second factor is on."""

    code: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


async def invite(call: Call) -> Response:
    api: Api = call.service
    given: InvitationRequest = await read_body(call)
    try:
        email = normalise_email(given.email)
    except EmailError as error:
        raise Problem(BAD_REQUEST, str(error)) from None
    account_id = get_account(call)
    await api.strict_counters.reserve(INVITES, account_id.hex())
    address = seal_address(api.keks, EMAIL, email, api.now_ms())
    invitation_id, code = uuid.uuid4(), secrets.token_hex(CODE_BYTES)
    account = encode_account_id(account_id)
    letter = api.outbox.write(
        "invitation",
        {"email": email},
        given.locale,
        {"account": account, "days": DAYS},
        sealed={"code": code},
    )
    head = (invitation_id, account_id, get_signer(call), int(given.role_id))
    values = (*head, address.address_hash, address.sealed, _hash_code(code), DAYS)
    async with api.store.transact() as transaction:
        await transaction.execute(INSERT, values)
        await transaction.execute(api.outbox.insert, letter)
    return respond_one(call, await _read(call, invitation_id), 201)


async def list_invitations(call: Call) -> Response:
    api: Api = call.service
    rows = await api.store.execute(LIST, (get_account(call),))
    return respond_all(call, [_render(api, row) for row in rows])


async def get_invitation(call: Call) -> Response:
    return respond_one(call, await _read(call, call.path[ID.name]))


async def withdraw(call: Call) -> Response:
    api: Api = call.service
    if not await api.store.execute(WITHDRAW, (call.path[ID.name], get_account(call))):
        raise Problem(INVITATION_INVALID, "the account has no such open invitation")
    return respond_one(call, await _read(call, call.path[ID.name]))


async def accept(call: Call) -> Response:
    """Signed by the key that wants to become a signer. The same again is answered the same."""
    api: Api = call.service
    given: AcceptanceRequest = await read_body(call)
    statement, email, digest = read_statement(api, given)
    signer = decode_account_id(statement.signer)
    if statement.signer != encode_account_id(get_signer(call)):
        raise Problem(FORBIDDEN, "sign by the key that the statement names")
    if not statement.has_second_factor:
        raise Problem(SECOND_FACTOR_NEEDED, "the statement says nothing of a second factor")
    found = await api.ledger.get_account(statement.account)
    signers = () if found is None else tuple(found.signers)
    person = Person(decode_account_id(statement.account), signer, given.locale, signers)
    address = seal_address(api.keks, EMAIL, email, statement.issued_at_ms)
    hashed = _hash_code(given.code)
    values = (signer, person.account_id, address.address_hash, hashed, signer)
    async with api.store.transact() as transaction:
        rows = await transaction.execute(ACCEPT, values)
        if not rows:
            raise Problem(INVITATION_INVALID, "no invitation of this address has this code")
        people_max = api.settings.quotas.people
        if not await link_stated(transaction, person, address, digest, people_max):
            raise Problem(STATEMENT_STALE, "a newer statement about this e-mail or person is known")
    (shown,) = await api.store.execute(FIND, (rows[0][0], person.account_id))
    return respond_one(call, _render(api, shown))


async def _read(call: Call, invitation_id: uuid.UUID) -> Resource[InvitationAttributes]:
    api: Api = call.service
    rows = await api.store.execute(FIND, (invitation_id, get_account(call)))
    if not rows:
        raise Problem(NOT_FOUND, "the account has no such invitation")
    return _render(api, rows[0])


def _hash_code(code: str) -> bytes:
    """Of a random one: nobody guesses it."""
    return sha256(b"tokend-invitation" + code.encode()).digest()


def _render(api: Api, row: Any) -> Resource[InvitationAttributes]:
    id_, address_hash, sealed, role_id, inviter, signer, state, created_at, expires_at = row
    attributes = InvitationAttributes(
        open_address(api.keks, EMAIL, address_hash, sealed),
        str(role_id),
        encode_account_id(inviter),
        None if signer is None else encode_account_id(signer),
        state,
        show_time(created_at),
        show_time(expires_at),
    )
    return Resource("invitations", str(id_), attributes)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)
_PATH = "/v1/accounts/{account}/invitations"

ROUTES = (
    Route(
        _PATH,
        "POST",
        invite,
        "Invite somebody to become a signer of the account.",
        guard_owner,
        rate_class=WRITES,
        response=Document[InvitationAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: InvitationRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, TOO_MANY_TRIES),
        tag="invitations",
    ),
    Route(
        _PATH,
        "GET",
        list_invitations,
        "The newest invitations of an account.",
        guard_owner,
        response=Listing[InvitationAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="invitations",
    ),
    Route(
        f"{_PATH}/{{id}}",
        "GET",
        get_invitation,
        "One invitation.",
        guard_owner,
        response=Document[InvitationAttributes, Meta],
        path_parameters=(ACCOUNT, ID),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="invitations",
    ),
    Route(
        f"{_PATH}/{{id}}",
        "DELETE",
        withdraw,
        "Withdraw an open invitation.",
        guard_owner,
        rate_class=WRITES,
        response=Document[InvitationAttributes, Meta],
        path_parameters=(ACCOUNT, ID),
        problems=(*_PROBLEMS, NOT_FOUND, INVITATION_INVALID),
        tag="invitations",
    ),
    Route(
        "/v1/invitations/accept",
        "POST",
        accept,
        "Accept an invitation by its code and a statement that the second factor is on.",
        guard_anybody,
        rate_class=REGISTRATIONS,
        response=Document[InvitationAttributes, Meta],
        accepts={JSON: AcceptanceRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(
            BAD_REQUEST,
            FORBIDDEN,
            UNSUPPORTED_MEDIA_TYPE,
            STATEMENT_INVALID,
            STATEMENT_STALE,
            SECOND_FACTOR_NEEDED,
            INVITATION_INVALID,
            ACCOUNT_TAKEN,
            QUOTA_EXCEEDED,
        ),
        tag="invitations",
    ),
)

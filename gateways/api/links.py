"""Whose e-mail or phone number belongs to which account.

Found by the account's own signers, by administrators, and by people who have an account and know
the address exactly, if the linked person allows that. The audit trail has what others found.
"""

from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.api.access import (
    ACCOUNT,
    Right,
    get_account,
    get_signer,
    guard_owner,
    is_owner,
    make_administrator_guard,
    make_guard,
)
from gateways.api.answers import Meta, Row, respond_all, respond_one, show_time
from gateways.api.audit import note
from gateways.api.people import COUNT, EMAIL, PHONE, hash_address, open_address
from gateways.api.persons import find_person
from gateways.api.phones import PhoneError, normalise_phone
from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import NUMBER
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
from schemas.strkey import encode_account_id

JSON = "application/json"
BODY_BYTES_MAX = 4 * 1024
LOOKUPS = StrictLimit("lookups", quick=30, first_wait_seconds=1, longest_wait_seconds=60, most=300)
LINK = Parameter("id", NUMBER, "The number of a link.")
COLUMNS = "l.link_id, p.signer, l.kind, l.address_hash, l.sealed, l.is_found, l.created_at"
SELECT = f"select {COLUMNS} from api.links l join api.people p using (person_id)"  # noqa: S608
OF_ACCOUNT = f"{SELECT} where p.account_id = %s order by l.link_id"
ONE = f"{SELECT} where l.link_id = %s and l.person_id = %s"
ALLOW = "update api.links set is_found = %s where link_id = %s and person_id = %s"
REMOVE = "delete from api.links where link_id = %s and person_id = %s returning 1"
FIND = (
    "select p.account_id, p.signer, l.is_found from api.links l join api.people p"
    " using (person_id) where l.address_hash = %s"
)


class LinkAttributes(msgspec.Struct, frozen=True):
    """`is_found`: whether others who know the address find the account by it."""

    signer: str
    kind: str
    address: str
    is_found: bool
    created_at: str


class LinkChange(msgspec.Struct, forbid_unknown_fields=True):
    """Whether others who know the address may find the account by it."""

    is_found: bool


class LookupRequest(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of the two."""

    email: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    phone: Annotated[str, msgspec.Meta(max_length=64)] | None = None


class FoundAttributes(msgspec.Struct, frozen=True):
    """`signer`: of the person, for administrators alone."""

    account: str
    signer: str | None = None


async def list_links(call: Call) -> Response:
    api: Api = call.service
    if is_owner(call):
        await find_person(call)
    rows = await api.store.execute(OF_ACCOUNT, (get_account(call),))
    signer = get_signer(call)
    seen = [(get_account(call), row[1]) for row in rows if row[1] != signer]
    if seen:
        await note(api.store, call, "links", seen)
    return respond_all(call, [render_link(api, row) for row in rows])


async def change_link(call: Call) -> Response:
    api: Api = call.service
    given: LinkChange = await read_body(call)
    own = (call.path[LINK.name], await find_person(call))
    await api.store.execute(ALLOW, (given.is_found, *own))
    rows = await api.store.execute(ONE, own)
    if not rows:
        raise Problem(NOT_FOUND, "there is no such link of the person who signed")
    return respond_one(call, render_link(api, rows[0]))


async def remove_link(call: Call) -> Response:
    api: Api = call.service
    own = (call.path[LINK.name], await find_person(call))
    if not await api.store.execute(REMOVE, own):
        raise Problem(NOT_FOUND, "there is no such link of the person who signed")
    return Response(status_code=204)


async def look_up(call: Call) -> Response:
    """By somebody with an account, counted for it: tries are what guessing costs."""
    api: Api = call.service
    hashed = _read_address(api, await read_body(call))
    account = get_account(call)
    await api.strict_counters.reserve(LOOKUPS, account.hex())
    rows = await api.store.execute(FIND, (hashed,))
    for found, signer, is_found in rows:
        is_own = found == account
        if (is_found or is_own) and await _is_current(api, found, signer):
            if not is_own:
                await note(api.store, call, "lookup", [(found, signer)])
            shown = encode_account_id(found)
            return respond_one(call, Resource("accounts", shown, FoundAttributes(shown)))
    raise Problem(NOT_FOUND, "nobody who may be found has this address")


async def look_up_as_administrator(call: Call) -> Response:
    api: Api = call.service
    rows = await api.store.execute(FIND, (_read_address(api, await read_body(call)),))
    if not rows:
        raise Problem(NOT_FOUND, "nobody has this address")
    ((account_id, signer, _),) = rows
    await note(api.store, call, "lookup", [(account_id, signer)])
    account = encode_account_id(account_id)
    attributes = FoundAttributes(account, encode_account_id(signer))
    return respond_one(call, Resource("accounts", account, attributes))


async def _is_current(api: Api, account_id: bytes, signer: bytes) -> bool:
    """Whether the person still signs for the account, or is the only one it has (`persons`)."""
    found = await api.ledger.get_account(encode_account_id(account_id))
    if found is None:
        return False
    if encode_account_id(signer) in found.signers:
        return True
    ((count,),) = await api.store.execute(COUNT, (account_id,))
    return bool(count == 1)


def _read_address(api: Api, given: LookupRequest) -> bytes:
    """Its look-up hash. Raises Problem."""
    if (given.email is None) is (given.phone is None):
        raise Problem(BAD_REQUEST, "give either email or phone")
    try:
        if given.email is not None:
            return hash_address(api.keks, EMAIL, normalise_email(given.email))
        return hash_address(api.keks, PHONE, normalise_phone(given.phone or ""))
    except (EmailError, PhoneError) as error:
        raise Problem(BAD_REQUEST, str(error)) from None


def render_link(api: Api, row: Row) -> Resource[LinkAttributes]:
    id_, signer, kind, address_hash, sealed, is_found, created_at = row
    address = open_address(api.keks, kind, address_hash, sealed)
    attributes = LinkAttributes(
        encode_account_id(signer), kind, address, is_found, show_time(created_at)
    )
    return Resource("links", str(id_), attributes)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/links",
        "GET",
        list_links,
        "The addresses of an account's people.",
        make_guard(Right.READ_PEOPLE),
        response=Listing[LinkAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="people",
    ),
    Route(
        "/v1/accounts/{account}/links/{id}",
        "PATCH",
        change_link,
        "Say whether others find you by an address that they know.",
        guard_owner,
        rate_class=WRITES,
        response=Document[LinkAttributes, Meta],
        path_parameters=(ACCOUNT, LINK),
        accepts={JSON: LinkChange},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, NOT_FOUND, UNSUPPORTED_MEDIA_TYPE),
        tag="people",
    ),
    Route(
        "/v1/accounts/{account}/links/{id}",
        "DELETE",
        remove_link,
        "Forget an address of yours.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, LINK),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="people",
    ),
    Route(
        "/v1/accounts/{account}/lookups",
        "POST",
        look_up,
        "Find an account by an exact address, for somebody with the account in the path.",
        guard_owner,
        rate_class=WRITES,
        response=Document[FoundAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: LookupRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, NOT_FOUND, UNSUPPORTED_MEDIA_TYPE, TOO_MANY_TRIES),
        tag="people",
    ),
    Route(
        "/v1/lookups",
        "POST",
        look_up_as_administrator,
        "Find an account and a person by an exact address, for administrators.",
        make_administrator_guard(Right.READ_PEOPLE),
        rate_class=WRITES,
        response=Document[FoundAttributes, Meta],
        accepts={JSON: LookupRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, NOT_FOUND, UNSUPPORTED_MEDIA_TYPE),
        tag="people",
    ),
)

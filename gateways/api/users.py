"""The list of people, for administrators. Whoever is on a page that was shown can see by whom."""

import msgspec
from starlette.responses import Response

from gateways.api.access import Right, make_administrator_guard
from gateways.api.answers import Meta, Row, read_rows, respond_rows, show_time
from gateways.api.audit import note
from gateways.api.people import EMAIL, PHONE, open_address
from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.http.jsonapi import Listing, Resource, relate
from gateways.http.keyset import Collection, Filter
from gateways.http.parameter_types import ACCOUNT_ID, NUMBER
from gateways.http.problems import BAD_CURSOR, BAD_REQUEST, FORBIDDEN
from gateways.http.routes import PAGE, Call, Parameter, Route
from schemas.strkey import encode_account_id

OF_ACCOUNT = Filter(
    Parameter("filter[account]", ACCOUNT_ID, "Of this account only."), "p.account_id = %s"
)
USERS = Collection(
    "users",
    "api.people p"
    " left join api.links e on e.person_id = p.person_id and e.kind = 'email'"
    " left join api.links f on f.person_id = p.person_id and f.kind = 'phone'",
    "p.person_id, p.account_id, p.signer, p.locale, p.created_at,"
    " e.address_hash, e.sealed, f.address_hash, f.sealed",
    "p.person_id",
    NUMBER,
    (OF_ACCOUNT,),
)


class UserAttributes(msgspec.Struct, frozen=True):
    """A person, with the addresses that were confirmed."""

    signer: str
    locale: str
    created_at: str
    email: str | None
    phone: str | None


async def list_users(call: Call) -> Response:
    api: Api = call.service
    rows, links = await read_rows(call, USERS, {})
    if rows:
        await note(api.store, call, "users", [(row[1], row[2]) for row in rows])
    return respond_rows(call, rows, links, lambda row: _render(api, row))


def _render(api: Api, row: Row) -> Resource[UserAttributes]:
    id_, account_id, signer, locale, created_at, email_hash, email, phone_hash, phone = row
    attributes = UserAttributes(
        encode_account_id(signer),
        locale,
        show_time(created_at),
        None if email is None else open_address(api.keks, EMAIL, email_hash, email),
        None if phone is None else open_address(api.keks, PHONE, phone_hash, phone),
    )
    of = relate("accounts", encode_account_id(account_id))
    return Resource("users", str(id_), attributes, {"account": of})


ROUTES = (
    Route(
        "/v1/users",
        "GET",
        list_users,
        "All people, for administrators.",
        make_administrator_guard(Right.READ_PEOPLE),
        response=Listing[UserAttributes, Meta],
        parameters=(OF_ACCOUNT.parameter, *PAGE),
        problems=(BAD_REQUEST, BAD_CURSOR, FORBIDDEN, LEDGER_UNAVAILABLE),
        tag="people",
    ),
)

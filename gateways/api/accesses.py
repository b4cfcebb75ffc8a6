"""Who saw personal data of an account: the audit trail, for its owner."""

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, guard_owner
from gateways.api.answers import Meta, Row, read_rows, respond_rows, show_time
from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.http.jsonapi import Listing, Resource
from gateways.http.keyset import Collection, Filter
from gateways.http.parameter_types import NUMBER
from gateways.http.problems import BAD_CURSOR, BAD_REQUEST, FORBIDDEN
from gateways.http.routes import PAGE, Call, Route
from schemas.strkey import encode_account_id


class AccessAttributes(msgspec.Struct, frozen=True):
    """`person`: the signer whose data it was; null: of the account as a whole. `actor`: the key
    that signed the request, G..., or a service's name."""

    at: str
    person: str | None
    actor: str
    action: str
    request_id: str


ACCESSES = Collection(
    "accesses",
    "api.accesses",
    "access_id, at, signer, actor, action, request_id",
    "access_id",
    NUMBER,
    (Filter(ACCOUNT, "account_id = %s"),),
)


async def list_accesses(call: Call) -> Response:
    """Who saw what of the account's people, newest first."""
    rows, links = await read_rows(call, ACCESSES, {ACCOUNT.name: get_account(call)})
    return respond_rows(call, rows, links, make_resource)


def make_resource(row: Row) -> Resource[AccessAttributes]:
    id_, at, signer, actor, action, request_id = row
    person = None if signer is None else encode_account_id(signer)
    attributes = AccessAttributes(show_time(at), person, actor, action, request_id)
    return Resource("accesses", str(id_), attributes)


ROUTES = (
    Route(
        "/v1/accounts/{account}/accesses",
        "GET",
        list_accesses,
        "Who saw personal data of the account, and when.",
        guard_owner,
        response=Listing[AccessAttributes, Meta],
        path_parameters=(ACCOUNT,),
        parameters=PAGE,
        problems=(BAD_REQUEST, BAD_CURSOR, FORBIDDEN, LEDGER_UNAVAILABLE),
        tag="people",
    ),
)

"""Everything that API knows of the person who asks, and who else saw it."""

from typing import Any

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, get_signer, guard_owner
from gateways.api.accesses import AccessAttributes, make_resource
from gateways.api.answers import Meta, respond_one, show_time
from gateways.api.blobs import ALL, BlobAttributes, render_blob
from gateways.api.links import SELECT, LinkAttributes, render_link
from gateways.api.payout_accounts import LIST as PAYOUT_ACCOUNTS
from gateways.api.payout_accounts import PayoutAccountAttributes
from gateways.api.payout_accounts import render as render_payout_account
from gateways.api.persons import find_person
from gateways.api.preferences import (
    ACCEPTED,
    LIST,
    AcceptanceAttributes,
    SettingAttributes,
    render_acceptance,
    render_setting,
)
from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.http.jsonapi import Document, Resource
from gateways.http.problems import BAD_REQUEST, FORBIDDEN
from gateways.http.routes import Call, Route
from schemas.strkey import encode_account_id

ROWS_MAX = 10_000
PERSON = "select signer, locale, created_at from api.people where person_id = %s"
LINKS = f"{SELECT} where l.person_id = %s order by l.link_id"
BLOBS = (
    "select b.number, b.blob_id, b.signer, b.type, t.visibility, b.content_type, b.bytes, b.sha256,"
    " b.object_key, b.created_at, b.content from api.blobs b join api.blob_types t"
    " on t.name = b.type where b.account_id = %s and t.visibility = any(%s)"
    " order by b.number limit %s"
)
ACCESSES = (
    "select access_id, at, signer, actor, action, request_id from api.accesses"
    " where account_id = %s and (signer is null or signer = %s) order by access_id desc limit %s"
)


class ExportedBlob(msgspec.Struct, frozen=True):
    """`content`: of JSON; a file is fetched by its address."""

    id: str
    attributes: BlobAttributes
    content: Any


class ExportAttributes(msgspec.Struct, frozen=True):
    """All of the person, and the blobs and payout accounts of the account. The newest 10,000 of
    each."""

    account: str
    signer: str
    locale: str
    known_since: str | None
    links: list[LinkAttributes]
    settings: dict[str, SettingAttributes]
    accepted_terms: dict[str, AcceptanceAttributes]
    blobs: list[ExportedBlob]
    payout_accounts: dict[str, PayoutAccountAttributes]
    seen_by: list[AccessAttributes]


async def export(call: Call) -> Response:
    api: Api = call.service
    account_id, signer = get_account(call), get_signer(call)
    person_id = await find_person(call)
    person = await api.store.execute(PERSON, (person_id,))
    links = await api.store.execute(LINKS, (person_id,))
    settings = await api.store.execute(LIST, (person_id,))
    accepted = [render_acceptance(row) for row in await api.store.execute(ACCEPTED, (person_id,))]
    blobs = await api.store.execute(BLOBS, (account_id, ALL, ROWS_MAX))
    payouts = await api.store.execute(PAYOUT_ACCOUNTS, (account_id,))
    accesses = await api.store.execute(ACCESSES, (account_id, signer, ROWS_MAX))
    shown = [render_setting(api, person_id, row) for row in settings]
    payees = [render_payout_account(api, row) for row in payouts]
    attributes = ExportAttributes(
        encode_account_id(account_id),
        encode_account_id(signer),
        person[0][1] if person else "",
        show_time(person[0][2]) if person else None,
        [render_link(api, row).attributes for row in links],
        {each.id: each.attributes for each in shown},
        {each.id: each.attributes for each in accepted},
        [ExportedBlob(*render_blob(api, account_id, row)) for row in blobs],
        {each.id: each.attributes for each in payees},
        [make_resource(row).attributes for row in accesses],
    )
    return respond_one(call, Resource("exports", encode_account_id(signer), attributes))


ROUTES = (
    Route(
        "/v1/accounts/{account}/export",
        "GET",
        export,
        "Everything that is known of the person who signs, with the list of who saw it.",
        guard_owner,
        response=Document[ExportAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=(BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE),
        tag="people",
    ),
)

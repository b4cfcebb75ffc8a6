"""What people set for themselves: any JSON under a key, sealed; and the terms they accepted."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, Right, guard_owner, make_administrator_guard
from gateways.api.answers import Meta, respond_all, respond_one, show_time
from gateways.api.persons import find_person, require_person
from gateways.api.problems import (
    CONTENT_INVALID,
    LEDGER_UNAVAILABLE,
    QUOTA_EXCEEDED,
    TERMS_UNKNOWN,
    TYPE_IN_USE,
)
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    STORE_UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route

JSON = "application/json"
VALUE_BYTES_MAX, BODY_BYTES_MAX = 8 * 1024, 4 * 1024
WORD = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
LIST = "select key, value, changed_at from api.settings where person_id = %s order by key"
COUNT = "select count(*) from api.settings where person_id = %s and key <> %s"
PUT = (
    "insert into api.settings values (%s, %s, %s) on conflict (person_id, key) do update"
    " set value = excluded.value, changed_at = clock_timestamp() returning changed_at"
)
REMOVE = "delete from api.settings where person_id = %s and key = %s returning 1"
PUBLISH = (
    "insert into api.terms (version, url, sha256) values (%s, %s, %s) on conflict (version)"
    " do update set url = excluded.url where terms.sha256 = excluded.sha256 returning 1"
)
TERMS = "select version, url, sha256, published_at from api.terms order by published_at"
ACCEPT = (
    "insert into api.accepted_terms (person_id, version)"
    " select %s, version from api.terms where version = %s"
    " on conflict (person_id, version) do update set version = excluded.version"
    " returning version, accepted_at"
)
ACCEPTED = (
    "select version, accepted_at from api.accepted_terms where person_id = %s order by accepted_at"
)


def _parse_word(text: str) -> str:
    if not re.fullmatch(WORD, text):
        raise ValueError("expected letters, digits and _.-, 64 at most")
    return text


_WORD = ParameterType(_parse_word, {"type": "string", "pattern": WORD})
KEY = Parameter("key", _WORD, "The name of a setting.")
VERSION = Parameter("version", _WORD, "A version of the terms.")


class SettingAttributes(msgspec.Struct, frozen=True):
    """`value`: as it was put."""

    value: Any
    changed_at: str


class Terms(msgspec.Struct, forbid_unknown_fields=True):
    """Where the text is, and SHA-256 of it, hexadecimal."""

    url: Annotated[str, msgspec.Meta(max_length=500, pattern="^https?://[!-~]+$")]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class TermsAttributes(msgspec.Struct, frozen=True):
    """A version of the terms."""

    url: str
    sha256: str
    published_at: str


class Acceptance(msgspec.Struct, forbid_unknown_fields=True):
    """The version that is accepted."""

    version: Annotated[str, msgspec.Meta(pattern=WORD)]


class AcceptanceAttributes(msgspec.Struct, frozen=True):
    """When it was accepted first."""

    accepted_at: str


async def list_settings(call: Call) -> Response:
    api: Api = call.service
    person_id = await find_person(call)
    rows = [] if person_id is None else await api.store.execute(LIST, (person_id,))
    return respond_all(call, [render_setting(api, person_id, row) for row in rows])


async def put_setting(call: Call) -> Response:
    api: Api = call.service
    content, key = await read_body(call), call.path[KEY.name]
    try:
        value = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(CONTENT_INVALID, f"the value is no JSON: {error}") from None
    async with api.store.transact() as transaction:
        person_id = await require_person(call, transaction)
        ((count,),) = await transaction.execute(COUNT, (person_id, key))
        if count >= api.settings.quotas.settings:
            detail = f"a person has at most {api.settings.quotas.settings} settings"
            raise Problem(QUOTA_EXCEEDED, detail)
        sealed = api.keks.wrap(content, _name(person_id, key))
        ((changed_at,),) = await transaction.execute(PUT, (person_id, key, sealed))
    attributes = SettingAttributes(value, show_time(changed_at))
    return respond_one(call, Resource("settings", key, attributes))


async def remove_setting(call: Call) -> Response:
    api: Api = call.service
    person_id = await find_person(call)
    if not await api.store.execute(REMOVE, (person_id, call.path[KEY.name])):
        raise Problem(NOT_FOUND, "there is no such setting")
    return Response(status_code=204)


def render_setting(
    api: Api, person_id: int | None, row: Sequence[Any]
) -> Resource[SettingAttributes]:
    key, sealed, changed_at = row
    value = msgspec.json.decode(api.keks.unwrap(sealed, _name(person_id, key)))
    return Resource("settings", key, SettingAttributes(value, show_time(changed_at)))


def _name(person_id: int | None, key: str) -> str:
    return f"settings/{person_id}/{key}"


async def list_terms(call: Call) -> Response:
    api: Api = call.service
    return respond_all(call, [_render_terms(row) for row in await api.store.execute(TERMS)])


async def publish_terms(call: Call) -> Response:
    """The text of a version stays; where it is may change."""
    api: Api = call.service
    given: Terms = await read_body(call)
    version = call.path[VERSION.name]
    values = (version, given.url, bytes.fromhex(given.sha256))
    if not await api.store.execute(PUBLISH, values):
        raise Problem(TYPE_IN_USE, "this version has another text: publish a new version")
    (found,) = [row for row in await api.store.execute(TERMS) if row[0] == version]
    return respond_one(call, _render_terms(found))


async def accept_terms(call: Call) -> Response:
    api: Api = call.service
    given: Acceptance = await read_body(call)
    async with api.store.transact() as transaction:
        person_id = await require_person(call, transaction)
        rows = await transaction.execute(ACCEPT, (person_id, given.version))
        if not rows:
            raise Problem(TERMS_UNKNOWN, f"there are no terms {given.version}")
    return respond_one(call, render_acceptance(rows[0]))


async def list_accepted_terms(call: Call) -> Response:
    api: Api = call.service
    person_id = await find_person(call)
    rows = await api.store.execute(ACCEPTED, (person_id,))
    return respond_all(call, [render_acceptance(row) for row in rows])


def _render_terms(row: Sequence[Any]) -> Resource[TermsAttributes]:
    version, url, digest, published_at = row
    attributes = TermsAttributes(url, digest.hex(), show_time(published_at))
    return Resource("terms", version, attributes)


def render_acceptance(row: Sequence[Any]) -> Resource[AcceptanceAttributes]:
    version, accepted_at = row
    return Resource("accepted-terms", version, AcceptanceAttributes(show_time(accepted_at)))


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/settings",
        "GET",
        list_settings,
        "The settings of the person who signs.",
        guard_owner,
        response=Listing[SettingAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="settings",
    ),
    Route(
        "/v1/accounts/{account}/settings/{key}",
        "PUT",
        put_setting,
        "Set something; the body is any JSON.",
        guard_owner,
        rate_class=WRITES,
        response=Document[SettingAttributes, Meta],
        path_parameters=(ACCOUNT, KEY),
        accepts={JSON: bytes},
        body_bytes_max=VALUE_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, CONTENT_INVALID, QUOTA_EXCEEDED),
        tag="settings",
    ),
    Route(
        "/v1/accounts/{account}/settings/{key}",
        "DELETE",
        remove_setting,
        "Forget a setting.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, KEY),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="settings",
    ),
    Route(
        "/v1/terms",
        "GET",
        list_terms,
        "The versions of the terms of use, oldest first.",
        response=Listing[TermsAttributes, Meta],
        problems=(BAD_REQUEST, STORE_UNAVAILABLE),
        tag="terms",
    ),
    Route(
        "/v1/terms/{version}",
        "PUT",
        publish_terms,
        "Publish a version of the terms, for administrators.",
        make_administrator_guard(Right.MANAGE_TERMS),
        rate_class=WRITES,
        response=Document[TermsAttributes, Meta],
        path_parameters=(VERSION,),
        accepts={JSON: Terms},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, TYPE_IN_USE),
        tag="terms",
    ),
    Route(
        "/v1/accounts/{account}/terms",
        "GET",
        list_accepted_terms,
        "The terms that the person who signs has accepted, and when.",
        guard_owner,
        response=Listing[AcceptanceAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="terms",
    ),
    Route(
        "/v1/accounts/{account}/terms",
        "POST",
        accept_terms,
        "Accept a version of the terms.",
        guard_owner,
        rate_class=WRITES,
        response=Document[AcceptanceAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: Acceptance},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, TERMS_UNKNOWN, QUOTA_EXCEEDED),
        tag="terms",
    ),
)

"""What people say to the Notificator by API: of what they are told, and durable webhooks.

The Notificator's private port knows no owners' rights; here a subscription is its owner's alone,
and is about the owner's account alone.
"""

import re
from typing import Annotated, Any
from urllib.parse import quote

import httpx2
import msgspec
from starlette.responses import Response

from gateways.api.access import ACCOUNT, get_account, guard_owner
from gateways.api.answers import Meta, respond_all, respond_one
from gateways.api.problems import (
    LEDGER_UNAVAILABLE,
    NOTIFICATION_REFUSED,
    NOTIFICATOR_UNAVAILABLE,
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
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route
from gateways.http.system import HTML, PAGE_POLICY
from schemas.strkey import encode_account_id

JSON = "application/json"
BODY_BYTES_MAX = 16 * 1024
ID_PATTERN = "^sub_[0-9a-f]{16}$"


def _parse_id(text: str) -> str:
    hexadecimal = text.removeprefix("sub_")
    if len(text) != 20 or len(hexadecimal) != 16 or not set(hexadecimal) <= set("0123456789abcdef"):
        raise ValueError("expected sub_ and 16 hexadecimal digits")
    return text


SUBSCRIPTION = Parameter(
    "id", ParameterType(_parse_id, {"type": "string", "pattern": ID_PATTERN}), "A subscription."
)


def _parse_leaving(text: str) -> str:
    if not LEAVING_KEY.fullmatch(text):
        raise ValueError("expected the key of a message's link")
    return text


LEAVING_KEY = re.compile(r"G[A-Z2-7]{55}\.[a-z_]{1,64}\.[0-9a-f]{32}")
LEAVING = Parameter(
    "key",
    ParameterType(_parse_leaving, {"type": "string", "pattern": f"^{LEAVING_KEY.pattern}$"}),
    "From the link of a message.",
)
FORM_POLICY = PAGE_POLICY.replace("form-action 'none'", "form-action 'self'")
LEAVE_BUTTON = '<form method="post"><button>No more of these</button></form>'
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Messages</title>
<style>body{{font-family:sans-serif;max-width:42em;margin:2em auto;line-height:1.5}}</style></head>
<body><h1>{heading}</h1>{more}</body></html>
"""
Words = Annotated[list[Annotated[str, msgspec.Meta(max_length=64)]], msgspec.Meta(max_length=50)]


class Choices(msgspec.Struct, forbid_unknown_fields=True):
    """The types of events of which the account wants to be told, and no others."""

    types: Words


class ChoiceAttributes(msgspec.Struct, frozen=True):
    """`known`: the types there are."""

    types: list[str]
    known: list[str]


class SubscriptionRequest(msgspec.Struct, forbid_unknown_fields=True):
    """`types`, `assets`: only these; empty: all. `start_ledger`: the first whose events are
    delivered; else the next to come.
    """

    url: Annotated[str, msgspec.Meta(max_length=2_000)]
    types: Words = []
    assets: Words = []
    start_ledger: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


class SubscriptionAttributes(msgspec.Struct, frozen=True):
    """`cursor`: the last ledger that was delivered. `secret`: signs the webhooks; shown once."""

    url: str
    state: str
    cursor: str
    failures: int
    reason: str
    types: list[str]
    assets: list[str]
    secret: str | None = None


class Redelivery(msgspec.Struct, forbid_unknown_fields=True):
    """From which ledger on; null: from where it was."""

    from_ledger: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None


async def show_leaving(_: Call) -> Response:
    """Changes nothing: scanners of mail follow links."""
    return _respond_page("Do you want no more messages of this kind?", LEAVE_BUTTON)


async def leave(call: Call) -> Response:
    """RFC 8058: mail programs post here by themselves. Whoever has the message may."""
    await _ask(call, "POST", f"/v1/leave/{call.path[LEAVING.name]}")
    return _respond_page("You will get no more messages of this kind.", "")


def _respond_page(heading: str, more: str) -> Response:
    page = PAGE.format(heading=heading, more=more)
    return Response(page, headers={"Content-Security-Policy": FORM_POLICY}, media_type=HTML)


async def get_choices(call: Call) -> Response:
    found = await _ask(call, "GET", f"/v1/accounts/{_show_account(call)}/choices")
    return _respond_choices(call, found)


async def put_choices(call: Call) -> Response:
    given: Choices = await read_body(call)
    path = f"/v1/accounts/{_show_account(call)}/choices"
    await _ask(call, "PUT", path, msgspec.to_builtins(given))
    return _respond_choices(call, await _ask(call, "GET", path))


def _respond_choices(call: Call, found: Any) -> Response:
    attributes = ChoiceAttributes(found["types"], found["known"])
    return respond_one(call, Resource("notifications", found["account"], attributes))


async def subscribe(call: Call) -> Response:
    given: SubscriptionRequest = await read_body(call)
    account = _show_account(call)
    filters = {"accounts": [account], "types": given.types, "assets": given.assets}
    content = {
        "url": given.url,
        "filters": filters,
        "start_ledger": given.start_ledger,
        "owner": account,
    }
    made = await _ask(call, "POST", "/v1/subscriptions", content)
    found = await _ask(call, "GET", f"/v1/subscriptions/{made['id']}")
    path = f"{call.request.scope['path']}/{made['id']}"
    return respond_one(call, _render(found, made["secret"]), 201, path)


async def list_subscriptions(call: Call) -> Response:
    found = await _ask(call, "GET", f"/v1/subscriptions?owner={_show_account(call)}")
    return respond_all(call, [_render(each) for each in found])


async def get_subscription(call: Call) -> Response:
    return respond_one(call, _render(await _find(call)))


async def redeliver(call: Call) -> Response:
    given: Redelivery = await read_body(call)
    found = await _find(call)
    path = f"/v1/subscriptions/{found['id']}/redeliver"
    return respond_one(call, _render(await _ask(call, "POST", path, msgspec.to_builtins(given))))


async def unsubscribe(call: Call) -> Response:
    found = await _find(call)
    await _ask(call, "DELETE", f"/v1/subscriptions/{found['id']}")
    return Response(status_code=204)


async def _find(call: Call) -> Any:
    """The subscription, if it is the account's. Raises Problem."""
    found = await _ask(call, "GET", f"/v1/subscriptions/{quote(call.path[SUBSCRIPTION.name])}")
    if found.get("owner") != _show_account(call):
        raise Problem(NOT_FOUND, "the account has no such subscription")
    return found


def _show_account(call: Call) -> str:
    return encode_account_id(get_account(call))


def _render(found: Any, secret: str | None = None) -> Resource[SubscriptionAttributes]:
    filters = found["filters"]
    attributes = SubscriptionAttributes(
        found["url"],
        found["state"],
        str(found["cursor"]),
        found["failures"],
        found["reason"],
        list(filters["types"]),
        list(filters["assets"]),
        secret,
    )
    return Resource("subscriptions", found["id"], attributes)


async def _ask(call: Call, method: str, path: str, content: Any = None) -> Any:
    """By the first Notificator that answers. Raises Problem."""
    api: Api = call.service
    settings = api.settings.notificators
    headers = {"Authorization": f"Bearer {settings.token.reveal()}"}
    for url in settings.urls:
        try:
            answer = await api.http.request(method, url + path, headers=headers, json=content)
        except httpx2.TransportError:
            continue
        if answer.status_code == 200:
            return answer.json()
        if answer.status_code == 404:
            raise Problem(NOT_FOUND, "the Notificator knows nothing of this name")
        if answer.status_code == 400:
            raise Problem(NOTIFICATION_REFUSED, str(answer.json()["error"])[:300])
    raise Problem(NOTIFICATOR_UNAVAILABLE, "no Notificator answers")


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE, NOTIFICATOR_UNAVAILABLE)
_SUBSCRIPTIONS = "/v1/accounts/{account}/subscriptions"

_LEAVING = "/v1/unsubscribe/{key}"

ROUTES = (
    Route(
        _LEAVING,
        "GET",
        show_leaving,
        "The page behind the link by which messages of a kind end.",
        media_type=HTML,
        path_parameters=(LEAVING,),
        problems=(BAD_REQUEST,),
        tag="notifications",
    ),
    Route(
        _LEAVING,
        "POST",
        leave,
        "End the messages of a kind, by the key in each of them.",
        rate_class=WRITES,
        media_type=HTML,
        path_parameters=(LEAVING,),
        problems=(BAD_REQUEST, NOT_FOUND, NOTIFICATOR_UNAVAILABLE),
        tag="notifications",
    ),
    Route(
        "/v1/accounts/{account}/notifications",
        "GET",
        get_choices,
        "Of which events the account is told.",
        guard_owner,
        response=Document[ChoiceAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="notifications",
    ),
    Route(
        "/v1/accounts/{account}/notifications",
        "PUT",
        put_choices,
        "Choose of which events the account is told.",
        guard_owner,
        rate_class=WRITES,
        response=Document[ChoiceAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: Choices},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, NOTIFICATION_REFUSED),
        tag="notifications",
    ),
    Route(
        _SUBSCRIPTIONS,
        "GET",
        list_subscriptions,
        "The durable webhooks of an account.",
        guard_owner,
        response=Listing[SubscriptionAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=_PROBLEMS,
        tag="notifications",
    ),
    Route(
        _SUBSCRIPTIONS,
        "POST",
        subscribe,
        "Have the account's events posted to an address.",
        guard_owner,
        rate_class=WRITES,
        response=Document[SubscriptionAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: SubscriptionRequest},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(201,),
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE, NOTIFICATION_REFUSED),
        tag="notifications",
    ),
    Route(
        f"{_SUBSCRIPTIONS}/{{id}}",
        "GET",
        get_subscription,
        "Where a durable webhook stands.",
        guard_owner,
        response=Document[SubscriptionAttributes, Meta],
        path_parameters=(ACCOUNT, SUBSCRIPTION),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="notifications",
    ),
    Route(
        f"{_SUBSCRIPTIONS}/{{id}}/redeliver",
        "POST",
        redeliver,
        "Deliver again from a ledger on; also one that was disabled.",
        guard_owner,
        rate_class=WRITES,
        response=Document[SubscriptionAttributes, Meta],
        path_parameters=(ACCOUNT, SUBSCRIPTION),
        accepts={JSON: Redelivery},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, NOT_FOUND, UNSUPPORTED_MEDIA_TYPE, NOTIFICATION_REFUSED),
        tag="notifications",
    ),
    Route(
        f"{_SUBSCRIPTIONS}/{{id}}",
        "DELETE",
        unsubscribe,
        "End a durable webhook.",
        guard_owner,
        rate_class=WRITES,
        path_parameters=(ACCOUNT, SUBSCRIPTION),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="notifications",
    ),
)

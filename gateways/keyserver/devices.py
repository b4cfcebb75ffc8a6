"""Devices of a wallet and what happened to it: for any of its devices, whose key signs."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Links, Listing, Resource, respond
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import BAD_REQUEST, FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from gateways.keyserver import messages
from gateways.keyserver.answers import JSON, Body, Meta, make_meta
from gateways.keyserver.names import name_device, name_email, name_history
from gateways.keyserver.problems import DEVICE_UNKNOWN
from gateways.keyserver.service import KeyServer
from gateways.keyserver.unlock import DeviceName

HISTORY_MAX = 200
UUID_PATTERN = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
FIND = "select wallet from keyserver.devices where key = %s"
LIST = (
    "select d.id, d.key = %(key)s, d.name, d.created_at, d.seen_at, d.trusted_until"
    " from keyserver.devices d join keyserver.devices own on own.wallet = d.wallet"
    " where own.key = %(key)s order by d.created_at"
)
RENAME = (
    "update keyserver.devices d set name = %(name)s from keyserver.devices own"
    " where own.key = %(key)s and d.wallet = own.wallet and d.id = %(id)s returning d.id"
)
OWNER = (
    "select w.id, w.email_lookup, w.email, w.locale from keyserver.wallets w"
    " join keyserver.devices own on own.wallet = w.id where own.key = %s"
)
REVOKE = (
    "with gone as (delete from keyserver.devices where wallet = %s and id = %s"
    "  returning wallet, id),"
    " noted as (insert into keyserver.history (wallet, event, device)"
    "  select wallet, 'DEVICE_REVOKED', id from gone),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %s, %s, %s, %s from gone)"
    " select id from gone"
)
READ_HISTORY = (
    "select h.id, h.wallet, h.at, h.event, h.device, h.address from keyserver.history h"
    " join keyserver.devices own on own.wallet = h.wallet where own.key = %s"
    " order by h.id desc limit %s"
)


def _parse_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise ValueError("expected the id of a device") from None


DEVICE_ID = Parameter(
    "id", ParameterType(_parse_id, {"type": "string", "pattern": UUID_PATTERN}), "Its id."
)


class DeviceAttributes(msgspec.Struct, frozen=True):
    """`is_this`: it signed the request. `trusted_until`: until then without the second factor."""

    name: str
    is_this: bool
    created_at: str
    seen_at: str
    trusted_until: str | None


class EventAttributes(msgspec.Struct, frozen=True):
    """`address`: of the client, where it is known."""

    event: str
    at: str
    device: str | None
    address: str | None


class NameBody(Body, frozen=True):
    """What its owner calls it."""

    name: DeviceName


async def guard_device(call: Call) -> None:
    """Raises Problem unless a known device signed."""
    keyserver: KeyServer = call.service
    if call.signer is None:
        raise Problem(FORBIDDEN, "sign the request")
    if not await keyserver.store.execute(FIND, (call.signer,)):
        raise Problem(DEVICE_UNKNOWN, "the key that signed is no device's")


async def list_devices(call: Call) -> Response:
    keyserver: KeyServer = call.service
    rows = await keyserver.store.execute(LIST, {"key": call.signer})
    resources = [
        Resource(
            "devices",
            str(id_),
            DeviceAttributes(
                keyserver.keks.unwrap(name, name_device(id_)).decode(),
                is_this,
                _show(created),
                _show(seen),
                None if trusted is None else _show(trusted),
            ),
        )
        for id_, is_this, name, created, seen, trusted in rows
    ]
    return _respond(call, resources)


async def rename_device(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: NameBody = await read_body(call)
    id_ = call.path["id"]
    name = keyserver.keks.wrap(body.name.encode(), name_device(id_))
    values = {"key": call.signer, "name": name, "id": id_}
    if not await keyserver.store.execute(RENAME, values):
        raise Problem(NOT_FOUND, "the wallet has no such device")
    return await list_devices(call)


async def revoke_device(call: Call) -> Response:
    """Also the one that signs: that is how somebody logs out."""
    keyserver: KeyServer = call.service
    rows = await keyserver.store.execute(OWNER, (call.signer,))
    if not rows:
        raise Problem(DEVICE_UNKNOWN, "the key that signed is no device's")
    ((wallet, lookup, wrapped, locale),) = rows
    email = keyserver.keks.unwrap(wrapped, name_email(lookup)).decode()
    letter = messages.write_notice(keyserver.outbox, email, locale, "device_revoked")
    if not await keyserver.store.execute(REVOKE, (wallet, call.path["id"], *letter)):
        raise Problem(NOT_FOUND, "the wallet has no such device")
    return Response(status_code=204)


async def list_history(call: Call) -> Response:
    keyserver: KeyServer = call.service
    rows = await keyserver.store.execute(READ_HISTORY, (call.signer, HISTORY_MAX))
    resources = [
        Resource(
            "events",
            str(id_),
            EventAttributes(
                event,
                _show(at),
                None if device is None else str(device),
                None
                if address is None
                else keyserver.keks.unwrap(address, name_history(wallet)).decode(),
            ),
        )
        for id_, wallet, at, event, device, address in rows
    ]
    return _respond(call, resources)


def _respond(call: Call, resources: list[Resource[Any]]) -> Response:
    links = Links(f"{call.public_url}{call.request.scope['path']}")
    return respond(Listing(resources, links, make_meta()))


def _show(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ROUTES = (
    Route(
        "/v1/devices",
        "GET",
        list_devices,
        "The wallet's devices. Signed by one of them.",
        guard_device,
        response=Listing[DeviceAttributes, Meta],
        problems=(DEVICE_UNKNOWN,),
        tag="devices",
    ),
    Route(
        "/v1/devices/{id}",
        "PATCH",
        rename_device,
        "Names a device.",
        guard_device,
        response=Listing[DeviceAttributes, Meta],
        path_parameters=(DEVICE_ID,),
        accepts={JSON: NameBody},
        problems=(BAD_REQUEST, DEVICE_UNKNOWN, NOT_FOUND),
        tag="devices",
    ),
    Route(
        "/v1/devices/{id}",
        "DELETE",
        revoke_device,
        "Revokes a device: it unlocks no more by itself, and signs nothing here.",
        guard_device,
        path_parameters=(DEVICE_ID,),
        statuses=(204,),
        problems=(DEVICE_UNKNOWN, NOT_FOUND),
        tag="devices",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/history",
        "GET",
        list_history,
        "What happened to the wallet in the last 90 days, the newest 200 first.",
        guard_device,
        response=Listing[EventAttributes, Meta],
        problems=(DEVICE_UNKNOWN,),
        tag="devices",
    ),
)

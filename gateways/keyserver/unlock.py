"""Unlock: the envelope goes to whoever proves the secret; a device may be made known with it."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import UUID, uuid4

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document
from gateways.http.problems import BAD_REQUEST, TOO_MANY_TRIES, Problem
from gateways.http.routes import UNCACHED, Call, Route
from gateways.keyserver import messages
from gateways.keyserver.answers import JSON, Address, Body, Meta, answer, read_email
from gateways.keyserver.entry import ENTRY_PROBLEMS, Entered, EntryBody, enter, guard_signed
from gateways.keyserver.limits import LANE_TRIES, LANES
from gateways.keyserver.names import (
    get_code_lookup,
    get_email_lookup,
    name_device,
    name_envelope,
)
from gateways.keyserver.problems import DEVICE_UNKNOWN
from gateways.keyserver.service import KeyServer
from gateways.keyserver.settings import ENTRIES, MAILS
from gateways.keyserver.wallets import Vouched, vouch
from schemas.generated.common import PublicKey
from schemas.strkey import encode_account_id

DEVICES_MAX = 50
TRUST_DAYS = 30
LANE_BYTES = 10
LANE_HOURS = 24
DeviceName = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
# The devices that were not seen for longest make room. A key of another wallet is left alone.
REGISTER = (
    "with room as (delete from keyserver.devices where id in (select id from keyserver.devices"
    "  where wallet = %(wallet)s and key <> %(key)s order by seen_at desc offset %(most)s)),"
    " made as (insert into keyserver.devices as d (id, wallet, key, name, trusted_until)"
    "  values (%(id)s, %(wallet)s, %(key)s, %(name)s, %(trusted_until)s)"
    "  on conflict (key) do nothing returning id),"
    " told as (insert into keyserver.outbox (type, token, locale, content)"
    "  select %(type)s, %(token)s, %(locale)s, %(content)s from made),"
    " noted as (insert into keyserver.history (wallet, event, device)"
    "  select %(wallet)s, 'DEVICE_ADDED', id from made)"
    " select id from made"
)
SEE = (
    "update keyserver.devices set seen_at = now(), trusted_until = coalesce(%s, trusted_until)"
    " where id = %s"
)
MAKE_LANE = (
    "with owner as (select id, locale from keyserver.wallets where email_lookup = %s),"
    " made as (insert into keyserver.lanes (code_lookup, wallet, tries_left, expires_at)"
    "  select %s, id, %s, now() + make_interval(hours => %s) from owner)"
    " insert into keyserver.outbox (type, token, locale, content)"
    " select %s, %s, locale, %s from owner"
)


class NewDevice(Body, frozen=True):
    """Makes the device of `device` a known one, called `name`."""

    name: DeviceName


class UnlockBody(EntryBody, frozen=True, kw_only=True):
    """`remember`: this device needs no second factor for 30 days."""

    register: NewDevice | None = None
    remember: bool = False


class WalletAttributes(msgspec.Struct, frozen=True):
    """What the secret opens. `kdf`: that the envelope is made with. `statement`: a registration
    statement, for the API. `device`: the id of the device that asked, if it is known.
    """

    account: str
    signer: str
    recovery: str
    version: int
    kdf: int
    envelope: bytes
    has_second_factor: bool
    device: str | None
    statement: "StatementPart"


class StatementPart(msgspec.Struct, frozen=True):
    """The exact bytes, and their signature."""

    body: bytes
    signature: bytes


async def unlock(call: Call) -> Response:
    keyserver: KeyServer = call.service
    body: UnlockBody = await read_body(call)
    if body.device is None and (body.register is not None or body.remember):
        raise Problem(BAD_REQUEST, "`register` and `remember` need the proof of a `device`")
    entered = await enter(call, body, "UNLOCKED", always_second=False)
    device = await _see_device(keyserver, entered, body)
    wallet = entered.wallet
    has_second_factor = wallet.totp_secret is not None
    vouched: Vouched = vouch(
        keyserver,
        entered.email,
        wallet.account,
        wallet.signer,
        has_second_factor=has_second_factor,
    )
    attributes = WalletAttributes(
        account=encode_account_id(PublicKey(wallet.account)),
        signer=encode_account_id(PublicKey(wallet.signer)),
        recovery=encode_account_id(PublicKey(wallet.recovery)),
        version=wallet.version,
        kdf=wallet.kdf,
        envelope=keyserver.keks.unwrap(wallet.envelope, name_envelope(wallet.entry)),
        has_second_factor=has_second_factor,
        device=None if device is None else str(device),
        statement=StatementPart(*vouched),
    )
    return answer(call, "wallets", str(wallet.id), attributes)


async def _see_device(keyserver: KeyServer, entered: Entered, body: UnlockBody) -> UUID | None:
    """Raises Problem if the device was revoked and is not to be made known again."""
    trusted_until = datetime.now(UTC) + timedelta(days=TRUST_DAYS) if body.remember else None
    if entered.device is not None:
        await keyserver.store.execute(SEE, (trusted_until, entered.device))
        return entered.device
    if entered.device_key is None:
        return None
    if body.register is None:
        raise Problem(DEVICE_UNKNOWN, "this device is not one of the wallet's")
    id_, wallet = uuid4(), entered.wallet
    letter = messages.write_device(
        keyserver.outbox, entered.email, wallet.locale, body.register.name
    )
    values = {
        "id": id_,
        "wallet": wallet.id,
        "key": entered.device_key,
        "name": keyserver.keks.wrap(body.register.name.encode(), name_device(id_)),
        "trusted_until": trusted_until,
        "most": DEVICES_MAX - 1,
        **letter._asdict(),
        "locale": wallet.locale,
    }
    if not await keyserver.store.execute(REGISTER, values):
        raise Problem(DEVICE_UNKNOWN, "this key is another wallet's device: make a new one")
    return id_


class LaneBody(Body, frozen=True):
    """Whose wallet others try to open."""

    email: Address


class LaneAttributes(msgspec.Struct, frozen=True):
    """The same for every address."""

    tries: int
    hours: int


async def make_lane(call: Call) -> Response:
    """Others' wrong tries do not count for whoever has the mailed code."""
    keyserver: KeyServer = call.service
    body: LaneBody = await read_body(call)
    email = read_email(body.email)
    lookup, code = get_email_lookup(keyserver.keks, email), secrets.token_hex(LANE_BYTES)
    await keyserver.strict_counters.reserve(LANES, lookup.hex())
    letter = messages.write_lane(keyserver.outbox, email, "", code)
    code_lookup = get_code_lookup(keyserver.keks, lookup.hex(), code)
    row = (letter.type, letter.token, letter.content)
    await keyserver.store.execute(MAKE_LANE, (lookup, code_lookup, LANE_TRIES, LANE_HOURS, *row))
    return answer(call, "lanes", "mail", LaneAttributes(LANE_TRIES, LANE_HOURS), 202)


ROUTES = (
    Route(
        "/v1/unlock",
        "POST",
        unlock,
        "Opens a wallet: its envelope, and a statement for the API. Signed by the authentication "
        "key.",
        guard_signed,
        rate_class=ENTRIES,
        response=Document[WalletAttributes, Meta],
        accepts={JSON: UnlockBody},
        problems=ENTRY_PROBLEMS,
        tag="wallets",
    ),
    Route(
        "/v1/lanes",
        "POST",
        make_lane,
        "Mails a code for tries that are counted for themselves. The answer is the same for every "
        "address.",
        rate_class=MAILS,
        response=Document[LaneAttributes, Meta],
        accepts={JSON: LaneBody},
        statuses=(202,),
        problems=(BAD_REQUEST, TOO_MANY_TRIES),
        tag="wallets",
        cache_control=UNCACHED,
    ),
)

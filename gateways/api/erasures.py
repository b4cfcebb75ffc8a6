"""Erasure of what is known of an account's people, and holds of the law that make it wait.

Nothing is denied silently: whoever asked sees whether it is done, and what it waits for.
"""

from datetime import UTC, date, datetime
from typing import Annotated

import msgspec
from starlette.responses import Response

from gateways.api.access import (
    ACCOUNT,
    Right,
    get_account,
    get_signer,
    make_administrator_guard,
    make_guard,
)
from gateways.api.answers import Meta, Row, respond_one, show_time
from gateways.api.eraser import HELD
from gateways.api.kyc_events import tell
from gateways.api.problems import LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Resource
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Route
from schemas.generated.events import KycEventKind
from schemas.strkey import encode_account_id

JSON = "application/json"
BODY_BYTES_MAX = 4 * 1024
ASK = (
    "insert into api.erasures (account_id, asked_by) values (%s, %s)"
    " on conflict (account_id) do update set state = 'ASKED', asked_by = excluded.asked_by,"
    " asked_at = clock_timestamp(), next_at = clock_timestamp(), tries = 0, reason = '',"
    " erased_at = null where erasures.state = 'ERASED' returning 1"
)
FIND = (
    "select e.state, e.reason, e.asked_at, e.erased_at, h.reason, h.until from api.erasures e"
    " left join api.holds h on h.account_id = e.account_id and h.until > current_date"
    " where e.account_id = %s"
)
WAKE = (
    "update api.erasures set next_at = clock_timestamp() where account_id = %s and state = 'ASKED'"
)
HOLD = """
insert into api.holds (account_id, reason, until, held_by) values (%s, %s, %s, %s)
on conflict (account_id) do update set reason = excluded.reason, until = excluded.until,
    held_by = excluded.held_by, held_at = clock_timestamp()"""
FIND_HOLD = "select reason, until, held_at from api.holds where account_id = %s"
RELEASE = "delete from api.holds where account_id = %s returning 1"
Code = Annotated[str, msgspec.Meta(pattern="^[A-Z][A-Z0-9_]{0,47}$")]
Day = Annotated[str, msgspec.Meta(pattern="^2[0-9]{3}-[01][0-9]-[0-3][0-9]$")]


class ErasureAttributes(msgspec.Struct, frozen=True):
    """`state`: ASKED, HELD while the law holds it, or ERASED. `reason`: a code: what it waits for,
    or why it is held; `held_until`: the last day of the hold."""

    state: str
    reason: str
    asked_at: str
    erased_at: str | None
    held_until: str | None


class HoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`reason`: a code, as RETENTION_OF_FIVE_YEARS. `until`: the day from which on it is over."""

    reason: Code
    until: Day


class HoldAttributes(msgspec.Struct, frozen=True):
    reason: str
    until: str
    held_at: str


async def ask(call: Call) -> Response:
    """202: it is done in the background; again is harmless."""
    api: Api = call.service
    account_id = get_account(call)
    async with api.store.transact() as transaction:
        if await transaction.execute(ASK, (account_id, get_signer(call))):
            await tell(transaction, KycEventKind.ERASURE_ASKED, account_id)
    return await _respond(call, 202)


async def get_erasure(call: Call) -> Response:
    return await _respond(call)


async def hold(call: Call) -> Response:
    """What is to be erased waits until then."""
    api: Api = call.service
    given: HoldRequest = await read_body(call)
    account_id = get_account(call)
    try:
        until = date.fromisoformat(given.until)
    except ValueError:
        raise Problem(BAD_REQUEST, "until: there is no such day") from None
    if until <= datetime.now(UTC).date():
        raise Problem(BAD_REQUEST, "until: it is over")
    values = (account_id, given.reason, until, get_signer(call))
    async with api.store.transact() as transaction:
        await transaction.execute(HOLD, values)
        await tell(transaction, KycEventKind.HELD, account_id, None, (given.reason,))
        ((*row,),) = await transaction.execute(FIND_HOLD, (account_id,))
    return respond_one(call, _render_hold(account_id, row))


async def get_hold(call: Call) -> Response:
    api: Api = call.service
    rows = await api.store.execute(FIND_HOLD, (get_account(call),))
    if not rows:
        raise Problem(NOT_FOUND, "nothing holds the account's data")
    return respond_one(call, _render_hold(get_account(call), rows[0]))


async def release(call: Call) -> Response:
    """What waits is erased now."""
    api: Api = call.service
    account_id = get_account(call)
    async with api.store.transact() as transaction:
        if not await transaction.execute(RELEASE, (account_id,)):
            raise Problem(NOT_FOUND, "nothing holds the account's data")
        await transaction.execute(WAKE, (account_id,))
        await tell(transaction, KycEventKind.RELEASED, account_id)
    return Response(status_code=204)


async def _respond(call: Call, status: int = 200) -> Response:
    api: Api = call.service
    account_id = get_account(call)
    rows = await api.store.execute(FIND, (account_id,))
    if not rows:
        raise Problem(NOT_FOUND, "nobody has asked to erase the account's data")
    ((state, reason, asked_at, erased_at, held_for, until),) = rows
    is_held = state == "ASKED" and until is not None
    attributes = ErasureAttributes(
        HELD if is_held else state,
        held_for if is_held else reason,
        show_time(asked_at),
        None if erased_at is None else show_time(erased_at),
        until.isoformat() if is_held else None,
    )
    resource = Resource("erasures", encode_account_id(account_id), attributes)
    return respond_one(call, resource, status)


def _render_hold(account_id: bytes, row: Row) -> Resource[HoldAttributes]:
    reason, until, held_at = row
    attributes = HoldAttributes(reason, until.isoformat(), show_time(held_at))
    return Resource("holds", encode_account_id(account_id), attributes)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE)
_ERASURE, _HOLD = "/v1/accounts/{account}/erasure", "/v1/accounts/{account}/hold"
_guard = make_guard(Right.ERASE)
_guard_hold = make_administrator_guard(Right.HOLD)

ROUTES = (
    Route(
        _ERASURE,
        "POST",
        ask,
        "Erase everything that is known of the account's people, everywhere.",
        _guard,
        rate_class=WRITES,
        response=Document[ErasureAttributes, Meta],
        path_parameters=(ACCOUNT,),
        statuses=(202,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
    Route(
        _ERASURE,
        "GET",
        get_erasure,
        "Whether it is done, and what it waits for.",
        _guard,
        response=Document[ErasureAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
    Route(
        _HOLD,
        "PUT",
        hold,
        "Keep an account's data until a day, because the law says so.",
        _guard_hold,
        rate_class=WRITES,
        response=Document[HoldAttributes, Meta],
        path_parameters=(ACCOUNT,),
        accepts={JSON: HoldRequest},
        body_bytes_max=BODY_BYTES_MAX,
        problems=(*_PROBLEMS, UNSUPPORTED_MEDIA_TYPE),
        tag="kyc",
    ),
    Route(
        _HOLD,
        "GET",
        get_hold,
        "What holds an account's data.",
        make_guard(Right.HOLD),
        response=Document[HoldAttributes, Meta],
        path_parameters=(ACCOUNT,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
    Route(
        _HOLD,
        "DELETE",
        release,
        "End a hold.",
        _guard_hold,
        rate_class=WRITES,
        path_parameters=(ACCOUNT,),
        statuses=(204,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
)

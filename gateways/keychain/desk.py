"""What administrators of the KeyChain do: read the audit log, allow another one more releases."""

from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import respond
from gateways.http.parameter_types import LIMIT, LIMIT_DEFAULT, NUMBER
from gateways.http.problems import BAD_REQUEST, FORBIDDEN, UNSUPPORTED_MEDIA_TYPE, Problem
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from gateways.http.system import JSON
from gateways.keychain import audit
from gateways.keychain.entitlement import Desk, get_first_keys, judge, require_desk
from gateways.keychain.keys import BODY_BYTES_MAX, guard_anybody
from gateways.keychain.problems import LEDGER_UNPROVED, NOT_APART
from gateways.keychain.service import KeyChain
from gateways.keychain.settings import KEYS
from schemas.strkey import decode_account_id

ROWS = "select number, content, hash from keychain.audit where number > %s order by number limit %s"
APPROVE = (
    "insert into keychain.approvals values (%s, %s, %s, now() + interval '1 hour')"
    " on conflict (administrator, approver) do update"
    " set releases = excluded.releases, expires_at = excluded.expires_at"
)
AFTER = Parameter("after", NUMBER, "The number of the row before the first; 0 unless given.")
COUNT = Parameter("limit", LIMIT, "The most rows.")


class RowAnswer(msgspec.Struct, frozen=True):
    """`hash`: H("tokend-keychain-audit" || hash before || number, 8 bytes || content), in hex."""

    number: str
    content: str
    hash: str


class Log(msgspec.Struct, frozen=True):
    rows: list[RowAnswer]


class HeadAnswer(msgspec.Struct, frozen=True):
    """Keep it: who has it can show that nothing up to this row was changed afterwards."""

    number: str
    hash: str


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """For the administrator whose signer key (G...) this is. `releases`: as many keys more within
    the hour, at most the settings' `bulk`."""

    administrator: str
    releases: Annotated[int, msgspec.Meta(ge=1)]


async def read_log(call: Call) -> Response:
    await _require(call, Desk.AUDIT)
    keychain: KeyChain = call.service
    values = (call.query.get("after", 0), call.query.get("limit", LIMIT_DEFAULT))
    rows = await keychain.store.execute(ROWS, values)
    shown = [RowAnswer(str(number), content, digest.hex()) for number, content, digest in rows]
    return respond(Log(shown), media_type=JSON)


async def read_head(call: Call) -> Response:
    keychain: KeyChain = call.service
    head = await audit.read_head(keychain.store)
    return respond(HeadAnswer(str(head.number), head.hash.hex()), media_type=JSON)


async def approve(call: Call) -> Response:
    keychain: KeyChain = call.service
    given: Approval = await read_body(call)
    try:
        administrator = decode_account_id(given.administrator)
    except ValueError:
        raise Problem(BAD_REQUEST, "administrator: a signer's key, G...") from None
    if bytes(administrator) == call.signer:
        raise Problem(FORBIDDEN, "somebody else has to approve")
    if given.releases > keychain.settings.bulk:
        raise Problem(BAD_REQUEST, f"releases: at most {keychain.settings.bulk} at a time")
    ledger = await _require(call, Desk.APPROVE)
    signer = call.signer or b""
    async with keychain.store.transact() as transaction:
        await transaction.execute(APPROVE, (administrator, signer, given.releases))
        about: dict[str, Any] = {"administrator": given.administrator, "releases": given.releases}
        await audit.append(transaction, signer, "approve", ledger=ledger, **about)
    return Response(status_code=204)


async def _require(call: Call, right: Desk) -> int:
    """The ledger that says so. Raises Problem."""
    keychain: KeyChain = call.service
    keychain.require_apart()
    if call.signer is None:
        raise TypeError(f"{call.route.path} is not signed")
    evidence = await keychain.evidence.prove(get_first_keys((keychain.operator,), call.signer))
    operator, time_ms = keychain.operator, evidence.header.close_time_ms
    if not judge(evidence.state, require_desk(right), call.signer, None, operator, time_ms):
        detail = f"a signer rule must allow the custom action {right} on keychain"
        raise Problem(FORBIDDEN, detail)
    return evidence.header.sequence


_PROBLEMS = (FORBIDDEN, NOT_APART, LEDGER_UNPROVED)

ROUTES = (
    Route(
        "/v1/audit",
        "GET",
        read_log,
        "Who made, got and erased which keys, as a hash chain.",
        guard_anybody,
        response=Log,
        media_type=JSON,
        parameters=(AFTER, COUNT),
        problems=(BAD_REQUEST, *_PROBLEMS),
        tag="audit",
        cache_control=UNCACHED,
    ),
    Route(
        "/v1/audit/head",
        "GET",
        read_head,
        "The newest row's number and hash.",
        response=HeadAnswer,
        media_type=JSON,
        tag="audit",
    ),
    Route(
        "/v1/approvals",
        "POST",
        approve,
        "Allow another administrator more releases than one person may have in an hour.",
        guard_anybody,
        rate_class=KEYS,
        accepts={JSON: Approval},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(204,),
        problems=(BAD_REQUEST, UNSUPPORTED_MEDIA_TYPE, *_PROBLEMS),
        tag="audit",
        cache_control=UNCACHED,
    ),
)

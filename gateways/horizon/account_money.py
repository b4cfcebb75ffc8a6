"""What an account owes and may move: fees that are due, and limits with how far they are used.

Both are computed by the ledger's own code from the entries of the views, so they say what a
transaction in the next ledger would meet.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_account_read
from gateways.horizon.authorization import (
    SIGNERS_AND_ROLE_OF_ACCOUNT,
    make_not_found,
    make_owner_guard,
)
from gateways.horizon.database import Snapshot
from gateways.horizon.parameters import ASSET_CODE
from gateways.horizon.resource import one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.view_state import read_account, read_state
from gateways.http.jsonapi import Resource, relate
from gateways.http.parameter_types import ACCOUNT_ID, NUMBER, ParameterType, choice
from gateways.http.problems import BAD_REQUEST, Problem
from gateways.http.routes import Call, Parameter
from schemas.generated.common import FeeType
from schemas.generated.entries import Account
from schemas.generated.keys import statistics_key
from schemas.readable import show_account
from schemas.values import format_amount, format_time, parse_amount
from streams.ledger.fees import (
    NOTHING,
    SUBTYPES,
    FeeKind,
    compute_account_fee,
    compute_total,
    get_schedule_keys,
)
from streams.ledger.limits import AppliedLimit, get_limits_keys, list_applied

ID = Parameter("id", ACCOUNT_ID, "G...")
AMOUNT_CHARACTERS_MAX = 64


class CalculatedFeeAttributes(msgspec.Struct, frozen=True):
    """What the account would owe now, in `asset`. `total` is both parts together."""

    asset: str
    amount: str
    fee_type: str
    subtype: str
    fixed: str
    calculated_percent: str
    total: str


class PeriodAmountsAttributes(msgspec.Struct, frozen=True):
    """By calendar period in UTC; weeks begin on Monday."""

    daily: str
    weekly: str
    monthly: str
    annual: str


class AppliedLimitAttributes(msgspec.Struct, frozen=True):
    """A limit, what was counted in the current periods, and what is left of it."""

    owner: str
    kind: str
    asset: str
    is_convert_needed: bool
    limit: PeriodAmountsAttributes
    counted: PeriodAmountsAttributes
    left: PeriodAmountsAttributes


class AppliedLimitsAttributes(msgspec.Struct, frozen=True):
    """Every limit that can apply to the account: `owner` is account, role or global."""

    limits: list[AppliedLimitAttributes]
    as_of: str


def _parse_text(text: str) -> str:
    if len(text) > AMOUNT_CHARACTERS_MAX:
        raise ValueError("expected a decimal number, as 12.50")
    return text


AMOUNT = ParameterType(_parse_text, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"})


async def get_calculated_fee(call: Call) -> Response:
    asset, text = call.query["asset"], call.query["amount"]
    fee_type, subtype = FeeType[call.query["fee_type"].upper()], call.query.get("subtype", 0)
    if subtype not in SUBTYPES[fee_type]:
        known = ", ".join(map(str, SUBTYPES[fee_type]))
        detail = f"fees of {call.query['fee_type']} have these subtypes: {known}"
        raise Problem(BAD_REQUEST, detail, {"parameter": "subtype"})
    account, _ = await _get_account(call)
    kind = FeeKind(fee_type, subtype)
    state, snapshot = await read_state(call.service, get_schedule_keys(account, kind, asset))
    scales = await call.service.scales.get({asset})
    digits = scales.digits.get(asset)
    if digits is None:
        raise make_not_found("asset", snapshot)
    try:
        amount = parse_amount(text, digits)
    except ValueError as error:
        raise Problem(BAD_REQUEST, str(error), {"parameter": "amount"}) from None
    fee = compute_account_fee(state, account, kind, asset, amount)
    shown = fee or NOTHING
    attributes = CalculatedFeeAttributes(
        asset=asset,
        amount=format_amount(amount, digits),
        fee_type=fee_type.name.lower(),
        subtype=str(subtype),
        fixed=format_amount(shown.fixed, digits),
        calculated_percent=format_amount(shown.percent, digits),
        total=format_amount(compute_total(fee), digits),
    )
    text_id = show_account(account.account_id)
    return respond_one(call, Resource("calculated-fees", text_id, attributes), snapshot)


async def get_limits(call: Call) -> Response:
    account, _ = await _get_account(call)
    keys = get_limits_keys(account)
    state, snapshot = await read_state(call.service, keys)
    found = list_applied(state, account, snapshot.close_time_ms)
    statistics = [
        statistics_key(
            account.account_id, each.limit.kind, each.limit.asset, each.limit.is_convert_needed
        )
        for each in found
    ]
    if statistics:  # now together, so that all is of one ledger
        state, snapshot = await read_state(call.service, (*keys, *statistics))
        found = list_applied(state, account, snapshot.close_time_ms)
    scales = await call.service.scales.get({each.limit.asset for each in found})
    attributes = AppliedLimitsAttributes(
        [_show_limit(each, scales.digits[each.limit.asset]) for each in found],
        format_time(snapshot.close_time_ms),
    )
    account_id = show_account(account.account_id)
    relationships = {"account": relate("accounts", account_id)}
    return respond_one(
        call, Resource("applied-limits", account_id, attributes, relationships), snapshot
    )


async def _get_account(call: Call) -> tuple[Account, Snapshot]:
    account, snapshot = await read_account(call.service, call.path["id"])
    if account is None:
        raise make_not_found("account", snapshot)
    return account, snapshot


def _show_limit(applied: AppliedLimit, digits: int) -> AppliedLimitAttributes:
    owner = applied.owner
    whose = "account" if owner.account_id else "global" if owner.role_id is None else "role"

    def show(amounts: Any) -> PeriodAmountsAttributes:
        each = (amounts.daily, amounts.weekly, amounts.monthly, amounts.annual)
        return PeriodAmountsAttributes(*(format_amount(amount, digits) for amount in each))

    limit = applied.limit
    return AppliedLimitAttributes(
        owner=whose,
        kind=limit.kind.name.lower(),
        asset=limit.asset,
        is_convert_needed=limit.is_convert_needed,
        limit=show(limit.amounts),
        counted=show(applied.counted),
        left=show(applied.left),
    )


_guard = make_owner_guard(SIGNERS_AND_ROLE_OF_ACCOUNT, "account", require_account_read)

ROUTES = (
    one_route(
        "/v3/accounts/{id}/calculated-fees",
        get_calculated_fee,
        CalculatedFeeAttributes,
        "What the account would owe for an amount: its own fees, else its role's, else all's.",
        ID,
        guard=_guard,
        parameters=(
            Parameter("asset", ASSET_CODE, "The amount's asset.", is_required=True),
            Parameter("amount", AMOUNT, "A decimal number.", is_required=True),
            Parameter(
                "fee_type",
                choice(*(each.name.lower() for each in FeeType)),
                "What is charged for.",
                is_required=True,
            ),
            Parameter(
                "subtype",
                NUMBER,
                "Of payments: 1 the sender's, 2 the receiver's. Of operations: their number.",
            ),
        ),
    ),
    one_route(
        "/v3/accounts/{id}/limits",
        get_limits,
        AppliedLimitsAttributes,
        "The limits that apply to the account, what was counted, and what is left.",
        ID,
        guard=_guard,
    ),
)

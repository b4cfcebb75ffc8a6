"""Movements of balances: the lines of a statement."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateways.horizon.access import require_balance_read
from gateways.horizon.assets import INCLUDED_ASSETS
from gateways.horizon.filters import by_account, by_asset, by_balance
from gateways.horizon.resource import Rendered, ResourceCollection, get_row_id, list_route
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.parameter_types import NUMBER
from schemas.readable import Scales, show_account, show_balance
from schemas.values import format_amount, format_time


class FeeAttributes(msgspec.Struct, frozen=True):
    """A fee in its two parts."""

    fixed: str
    calculated_percent: str


class EffectAttributes(msgspec.Struct, frozen=True):
    """What happened to one balance."""

    kind: str
    balance: str
    asset: str
    amount: str
    fee: FeeAttributes


class MovementAttributes(msgspec.Struct, frozen=True):
    """A balance that was funded, charged, issued to: one line of a statement."""

    kind: str
    account: str
    balance: str
    asset: str
    amount: str
    fee: FeeAttributes
    ledger_sequence: str
    applied_at: str
    close_time_ms: str


def render_effect(row: Any, scales: Scales) -> EffectAttributes:
    digits = scales.digits[row.asset]
    return EffectAttributes(
        row.kind.lower(),
        show_balance(row.balance_id),
        row.asset,
        format_amount(int(row.amount), digits),
        FeeAttributes(
            format_amount(int(row.fee_fixed), digits),
            format_amount(int(row.fee_percent), digits),
        ),
    )


def _render_movement(row: Any, scales: Scales) -> Resource[MovementAttributes]:
    effect = render_effect(row, scales)
    account = show_account(row.account_id)
    attributes = MovementAttributes(
        kind=effect.kind,
        account=account,
        balance=effect.balance,
        asset=effect.asset,
        amount=effect.amount,
        fee=effect.fee,
        ledger_sequence=str(row.id >> 32),
        applied_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
    )
    relationships = {
        "account": relate("accounts", account),
        "balance": relate("balances", effect.balance),
        "asset": relate("assets", effect.asset),
        "operation": relate("operations", str(row.operation_id)),
    }
    return Resource("movements", str(row.id), attributes, relationships)


async def render_movements(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    scales = await horizon.scales.get({row.asset for row in rows})
    return [_render_movement(row, scales) for row in rows]


MOVEMENTS = ResourceCollection(
    "movements",
    "horizon.movements m",
    "m.*",
    "m.id",
    NUMBER,
    (by_account("m.account_id"), by_balance("m.balance_id"), by_asset("m.asset")),
    render=render_movements,
    get_key=get_row_id,
    require=require_balance_read,
    includes=(INCLUDED_ASSETS,),
)

ROUTES = (
    list_route(
        "/v3/movements",
        MOVEMENTS,
        MovementAttributes,
        "What changed balances: the statement.",
        streams=True,
    ),
)

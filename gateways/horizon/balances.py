"""Balances: what accounts hold of assets."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_balance_read
from gateways.horizon.authorization import SIGNERS_OF_BALANCE, make_owner_guard
from gateways.horizon.database import PointQuery
from gateways.horizon.filters import by_account, by_asset
from gateways.horizon.parameters import BALANCE_ID
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.routes import Call, Parameter
from schemas.readable import Scales, show_account, show_balance
from schemas.values import format_amount

BALANCE = PointQuery("select balance_id as key, * from horizon.balances where balance_id = any(%s)")
BALANCES_BY_ACCOUNT = PointQuery(
    "select account_id as key, * from horizon.balances where account_id = any(%s)"
    " order by account_id, asset, balance_id"
)
ID = Parameter("id", BALANCE_ID, "B...")


class BalanceAttributes(msgspec.Struct, frozen=True):
    """What an account holds of an asset. `locked` waits for requests; `available` may be spent."""

    asset: str
    available: str
    locked: str
    changed_in: str


def render_balance(row: Any, scales: Scales) -> Resource[BalanceAttributes]:
    digits = scales.digits[row.asset]
    attributes = BalanceAttributes(
        row.asset,
        format_amount(int(row.amount), digits),
        format_amount(int(row.locked), digits),
        str(row.changed_in),
    )
    relationships = {
        "owner": relate("accounts", show_account(row.account_id)),
        "asset": relate("assets", row.asset),
    }
    return Resource("balances", show_balance(row.balance_id), attributes, relationships)


async def render_balances(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    scales = await horizon.scales.get({row.asset for row in rows})
    return [render_balance(row, scales) for row in rows]


async def get_balance(call: Call) -> Response:
    row, snapshot = await get_one(call, BALANCE, "id", "balance")
    (resource,) = await render_balances(call.service, [row])
    return respond_one(call, resource, snapshot)


guard_balance = make_owner_guard(SIGNERS_OF_BALANCE, "balance", require_balance_read)

BALANCES = ResourceCollection(
    "balances",
    "horizon.balances b",
    "b.*",
    "b.balance_id",
    BALANCE_ID,
    (by_account("b.account_id"), by_asset("b.asset")),
    render=render_balances,
    get_position=lambda row: show_balance(row.balance_id),
    require=require_balance_read,
)

ROUTES = (
    list_route("/v3/balances", BALANCES, BalanceAttributes, "Balances."),
    one_route(
        "/v3/balances/{id}",
        get_balance,
        BalanceAttributes,
        "One balance.",
        ID,
        guard=guard_balance,
    ),
)

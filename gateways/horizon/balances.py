"""Balances: what accounts hold of assets, now or as of an earlier ledger; holders of an asset."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_balance_read
from gateways.horizon.assets import INCLUDED_ASSETS
from gateways.horizon.authorization import (
    SIGNERS_OF_ASSET_OWNER,
    SIGNERS_OF_BALANCE,
    make_owner_guard,
)
from gateways.horizon.database import PointQuery
from gateways.horizon.filters import AT_LEDGER, by_account, by_asset
from gateways.horizon.parameters import ASSET_CODE, BALANCE_ID
from gateways.horizon.resource import (
    Rendered,
    ResourceCollection,
    get_one,
    list_route,
    one_route,
    require_ledger,
)
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import Filter, PageQuery
from gateways.http.routes import Call, Parameter
from schemas.readable import Scales, show_account, show_balance
from schemas.values import format_amount

BALANCE = PointQuery("select balance_id as key, * from horizon.balances where balance_id = any(%s)")
BALANCES_BY_ACCOUNT = PointQuery(
    "select account_id as key, * from horizon.balances where account_id = any(%s)"
    " order by account_id, asset, balance_id"
)
ID = Parameter("id", BALANCE_ID, "B...")
CODE = Parameter("code", ASSET_CODE, "The asset's code.")

# A balance as its last movement left it. Movements of a transaction that left it as it was say
# nothing. The lateral join makes PostgreSQL look each one up by the index.
AT_SOURCE = (
    "horizon.balances b cross join lateral (select x.id, x.available, x.locked"
    " from horizon.movements x where x.balance_id = b.balance_id and x.id < %s"
    " and x.available is not null order by x.id desc limit 1) m"
)
AT_COLUMNS = (
    "b.balance_id, b.account_id, b.asset, m.available as amount, m.locked, m.id >> 32 as changed_in"
)
BALANCE_AT = f"select {AT_COLUMNS} from {AT_SOURCE} where b.balance_id = %s"  # noqa: S608


class BalanceAttributes(msgspec.Struct, frozen=True):
    """What an account holds of an asset. `locked` waits for requests; `available` may be spent.
    `changed_in`: the ledger of the last change; 0 if the balance was empty from its creation on.
    """

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
    sequence = call.query.get(AT_LEDGER.parameter.name)
    if sequence is not None:
        require_ledger(sequence, snapshot)
        row = await get_row_at(call.service, row, sequence)
    (resource,) = await render_balances(call.service, [row])
    return respond_one(call, resource, snapshot)


async def get_row_at(horizon: Horizon, row: Any, sequence: int) -> Any:
    """The balance as of the end of a ledger: empty if nothing had moved by then."""
    parameters = (*AT_LEDGER.expand(sequence), row.balance_id)
    found = (await horizon.database.get_pages(PageQuery(BALANCE_AT, parameters))).rows[0]
    return found[0] if found else row._replace(amount=0, locked=0, changed_in=0)


guard_balance = make_owner_guard(SIGNERS_OF_BALANCE, "balance", require_balance_read)


def _make_collection(
    name: str, filters: Sequence[Filter], filters_at: Sequence[Filter]
) -> ResourceCollection:
    """`filters_at`: those of the collection as of an earlier ledger."""

    def make(
        source: str, columns: str, each: Sequence[Filter], dated: ResourceCollection | None
    ) -> ResourceCollection:
        return ResourceCollection(
            name,
            source,
            columns,
            "b.balance_id",
            BALANCE_ID,
            each,
            render=render_balances,
            get_position=lambda row: show_balance(row.balance_id),
            require=require_balance_read,
            dated=dated,
            includes=(INCLUDED_ASSETS,),
        )

    dated = make(AT_SOURCE, AT_COLUMNS, (*filters_at, AT_LEDGER), None)
    return make("horizon.balances b", "b.*", filters, dated)


_FILTERS = (by_account("b.account_id"), by_asset("b.asset"))
BALANCES = _make_collection("balances", _FILTERS, _FILTERS)
OF_ASSET = Filter(CODE, "b.asset = %s and b.amount + b.locked > 0")
HOLDERS = _make_collection(
    "holders", (OF_ASSET,), (Filter(CODE, "b.asset = %s and m.available + m.locked > 0"),)
)

ROUTES = (
    list_route(
        "/v3/balances",
        BALANCES,
        BalanceAttributes,
        "Balances. With at_ledger those that had moved by then, as they were.",
    ),
    one_route(
        "/v3/balances/{id}",
        get_balance,
        BalanceAttributes,
        "One balance, now or as of an earlier ledger.",
        ID,
        guard=guard_balance,
        parameters=(AT_LEDGER.parameter,),
    ),
    list_route(
        "/v3/assets/{code}/holders",
        HOLDERS,
        BalanceAttributes,
        "Who holds the asset, now or as of an earlier ledger: balances that are not empty.",
        key=OF_ASSET,
        guard=make_owner_guard(SIGNERS_OF_ASSET_OWNER, "asset", require_balance_read, "code"),
    ),
)

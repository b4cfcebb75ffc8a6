"""Assets and their totals."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.database import PointQuery
from gateways.horizon.parameters import ASSET_CODE
from gateways.horizon.resource import (
    Include,
    Rendered,
    ResourceCollection,
    get_one,
    list_route,
    one_route,
)
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.routes import Call, Parameter
from schemas.readable import show_account, show_json_text
from schemas.values import format_amount
from streams.ledger.values import AssetPolicy

TABLES = "horizon.assets a join horizon.asset_supplies s on s.code = a.code"
COLUMNS = (
    "a.code, a.owner, a.preissued_asset_signer, a.signer_changes, a.state, a.details,"
    " a.max_issuance_amount, a.policies,"
    " a.asset_type, a.trailing_digits, s.available_for_issuance, s.issued, s.pending_issuance,"
    " greatest(a.changed_in, s.changed_in) as changed_in"
)
ASSET = PointQuery(f"select a.code as key, {COLUMNS} from {TABLES} where a.code = any(%s)")  # noqa: S608


class Flag(msgspec.Struct, frozen=True):
    """One bit of a set of bits."""

    name: str
    value: int


class Flags(msgspec.Struct, frozen=True):
    """A set of bits, with their names."""

    value: int
    flags: list[Flag]


class AssetAttributes(msgspec.Struct, frozen=True):
    """An asset and its running totals. `signer_changes`: how often its offline key was changed."""

    max_issuance_amount: str
    available_for_issuance: str
    issued: str
    pending_issuance: str
    preissued_asset_signer: str
    signer_changes: str
    state: str
    policies: Flags
    asset_type: str
    trailing_digits: int
    details: Any
    changed_in: str


def render_asset(row: Any) -> Resource[AssetAttributes]:
    digits = row.trailing_digits
    attributes = AssetAttributes(
        max_issuance_amount=format_amount(int(row.max_issuance_amount), digits),
        available_for_issuance=format_amount(int(row.available_for_issuance), digits),
        issued=format_amount(int(row.issued), digits),
        pending_issuance=format_amount(int(row.pending_issuance), digits),
        preissued_asset_signer=show_account(row.preissued_asset_signer),
        signer_changes=str(int(row.signer_changes)),
        state=row.state,
        policies=_render_policies(row.policies),
        asset_type=str(int(row.asset_type)),
        trailing_digits=digits,
        details=show_json_text(row.details),
        changed_in=str(row.changed_in),
    )
    relationships = {"owner": relate("accounts", show_account(row.owner))}
    return Resource("assets", row.code, attributes, relationships)


@lru_cache(256)
def _render_policies(policies: int) -> Flags:
    known = [Flag(each.name or "", int(each)) for each in AssetPolicy if policies & each]
    return Flags(policies, known)


async def render_assets(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [render_asset(row) for row in rows]


async def get_asset(call: Call) -> Response:
    row, snapshot = await get_one(call, ASSET, "code", "asset")
    return respond_one(call, render_asset(row), snapshot)


INCLUDED_ASSETS = Include(
    "asset",
    f"select {COLUMNS} from {TABLES} where a.code in (select page.asset from (%s) page)"  # noqa: S608
    " order by a.code",
    render_assets,
)
ASSETS = ResourceCollection(
    "assets",
    TABLES,
    COLUMNS,
    "a.code",
    ASSET_CODE,
    render=render_assets,
    get_position=lambda row: str(row.code),
)

ROUTES = (
    list_route("/v3/assets", ASSETS, AssetAttributes, "Assets.", is_public=True),
    one_route(
        "/v3/assets/{code}",
        get_asset,
        AssetAttributes,
        "One asset.",
        Parameter("code", ASSET_CODE, "Its code."),
    ),
)

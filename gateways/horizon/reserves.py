"""Reserves: what the network owes in an asset and holds outside, as instances have signed it.

A report counts once enough signers of the asset's owner have signed the same bytes, by the signers
that the owner has now. Whoever holds a balance finds it in the tree of a report.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.balances import ID, guard_balance
from gateways.horizon.contract_types import shows
from gateways.horizon.database import PointQuery
from gateways.horizon.parameters import ASSET_CODE
from gateways.horizon.proofs import Base64
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.problems import NOT_FOUND, Problem
from gateways.http.routes import Call, Parameter
from schemas.codec import decode
from schemas.generated.events import ReserveReport
from schemas.readable import show_account, show_value
from schemas.strkey import encode_balance_id
from schemas.values import format_amount
from streams.ledger.sum_tree import NODE_BYTES

RESERVE = PointQuery("select r.asset as key, r.* from horizon.reserves r where r.asset = any(%s)")
# The neighbours on the way from a balance's leaf to the root, from below; there is none where a
# last node moves up alone.
PATH = PointQuery(
    f"""
select b.balance_id as key, l.level, b.asset, l.sequence,
    (position(b.balance_id in z.leaves) - 1) / {NODE_BYTES} as leaf,
    substring(z.leaves from position(b.balance_id in z.leaves) + 32 for 16) as amount,
    substring(l.nodes
        from (((position(b.balance_id in z.leaves) - 1) / {NODE_BYTES} >> l.level) # 1)
            * {NODE_BYTES} + 1 for {NODE_BYTES}) as node
from horizon.balances b
join horizon.reserve_levels z on z.asset = b.asset and z.level = 0
join horizon.reserve_levels l on l.asset = b.asset
where b.balance_id = any(%s) and position(b.balance_id in z.leaves) %% {NODE_BYTES} = 1
order by b.balance_id, l.level
"""  # noqa: S608
)
# That enough signers agree on; a tree of one leaf has one level.
REPORT_OF_TREE = PointQuery(
    """
select b.balance_id as key, s.* from horizon.balances b
join horizon.reserve_levels z on z.asset = b.asset and z.level = 0
join horizon.signed_reserves s on s.asset = z.asset and s.sequence = z.sequence
join horizon.reserve_levels t on t.asset = z.asset and octet_length(t.nodes) = 48
where b.balance_id = any(%s) and s.weight >= 1000 and s.liabilities = substring(t.nodes for 32)
order by s.height desc
"""
)


class ReserveSignatureAttributes(msgspec.Struct, frozen=True):
    """By a signer of the asset's owner, of SHA-256("tokend-reserves" || SHA-256(content))."""

    signer: str
    signature: Base64


class ReserveAttributes(msgspec.Struct, frozen=True):
    """The newest report that enough signers agree on. `content`: its bytes, which are signed."""

    report: Annotated[dict[str, Any], shows("events.ReserveReport")]
    content: Base64
    signatures: list[ReserveSignatureAttributes]


class NeighbourAttributes(msgspec.Struct, frozen=True):
    """A node on the way up: its hash, the sum below it, and on which side it stands."""

    hash: Base64
    sum: str
    is_left: bool


class ReserveProofAttributes(msgspec.Struct, frozen=True):
    """Leads from a balance to the root in a report (PROTOCOL.md). Sums are of the smallest unit."""

    amount: str
    path: list[NeighbourAttributes]
    content: Base64
    signatures: list[ReserveSignatureAttributes]


async def render_reserves(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    reports = [decode(ReserveReport, row.report) for row in rows]
    scales = await horizon.scales.get([each.asset for each in reports])
    return [
        Resource(
            "reserves",
            row.asset,
            ReserveAttributes(
                show_value(report, scales), _encode(row.report), list(_show_signatures(row))
            ),
            {"asset": relate("assets", row.asset)},
        )
        for row, report in zip(rows, reports, strict=True)
    ]


def _show_signatures(row: Any) -> Iterator[ReserveSignatureAttributes]:
    for signer, signature in zip(row.signers, row.signatures, strict=True):
        yield ReserveSignatureAttributes(show_account(signer), _encode(signature))


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


async def get_reserve(call: Call) -> Response:
    row, snapshot = await get_one(call, RESERVE, "code", "report on reserves of this asset")
    (resource,) = await render_reserves(call.service, [row])
    return respond_one(call, resource, snapshot)


async def get_reserve_proof(call: Call) -> Response:
    horizon: Horizon = call.service
    balance_id = call.path["id"]
    snapshot = await horizon.database.get_points((PATH, balance_id), (REPORT_OF_TREE, balance_id))
    path, reports = snapshot.rows
    if not path or not reports:
        raise Problem(NOT_FOUND, "the balance is in no report on reserves: it may be empty or new")
    first, report = path[0], reports[0]
    scales = await horizon.scales.get([first.asset])
    amount = int.from_bytes(first.amount, "big")
    attributes = ReserveProofAttributes(
        format_amount(amount, scales.digits[first.asset]),
        [_show_neighbour(row) for row in path if row.node],
        _encode(report.report),
        list(_show_signatures(report)),
    )
    name = encode_balance_id(balance_id)
    relationships = {"balance": relate("balances", name), "asset": relate("assets", first.asset)}
    resource = Resource("reserve-proofs", name, attributes, relationships)
    return respond_one(call, resource, snapshot)


def _show_neighbour(row: Any) -> NeighbourAttributes:
    is_left = bool(row.leaf >> row.level & 1)
    total = int.from_bytes(row.node[32:], "big")
    return NeighbourAttributes(_encode(row.node[:32]), str(total), is_left)


RESERVES = ResourceCollection(
    "reserves",
    "horizon.reserves r",
    "r.*",
    "r.asset",
    ASSET_CODE,
    render=render_reserves,
    get_position=lambda row: str(row.asset),
)

ROUTES = (
    list_route(
        "/v3/reserves",
        RESERVES,
        ReserveAttributes,
        "What is owed and held of each asset of a chain.",
        is_public=True,
    ),
    one_route(
        "/v3/reserves/{code}",
        get_reserve,
        ReserveAttributes,
        "What is owed and held of one asset.",
        Parameter("code", ASSET_CODE, "The asset's code."),
    ),
    one_route(
        "/v3/balances/{id}/reserve-proof",
        get_reserve_proof,
        ReserveProofAttributes,
        "That a balance is in the total of a report on reserves.",
        ID,
        guard=guard_balance,
    ),
)

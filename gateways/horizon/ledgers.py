"""Closed ledgers."""

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.database import PointQuery
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource
from gateways.http.parameter_types import NUMBER
from gateways.http.routes import Call, Parameter
from schemas.values import format_time

LEDGER = PointQuery("select sequence as key, * from horizon.ledgers where sequence = any(%s)")


class LedgerAttributes(msgspec.Struct, frozen=True):
    """A closed ledger. `header` and `certificate` are their bytes in base64, to be verified."""

    sequence: str
    header_hash: str
    previous_header_hash: str
    closed_at: str
    close_time_ms: str
    transaction_count: int
    operation_count: int
    state_root: str
    header: str
    certificate: str


def render_ledger(row: Any) -> Resource[LedgerAttributes]:
    attributes = LedgerAttributes(
        sequence=str(row.sequence),
        header_hash=row.header_hash.hex(),
        previous_header_hash=row.previous_header_hash.hex(),
        closed_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        transaction_count=row.transaction_count,
        operation_count=row.operation_count,
        state_root=row.state_root.hex(),
        header=base64.b64encode(row.header).decode(),
        certificate=base64.b64encode(row.certificate).decode(),
    )
    return Resource("ledgers", str(row.sequence), attributes)


async def render_ledgers(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [render_ledger(row) for row in rows]


async def get_ledger(call: Call) -> Response:
    row, snapshot = await get_one(call, LEDGER, "sequence", "ledger")
    return respond_one(call, render_ledger(row), snapshot)


LEDGERS = ResourceCollection(
    "ledgers",
    "horizon.ledgers l",
    "l.*",
    "l.sequence",
    NUMBER,
    render=render_ledgers,
    get_position=lambda row: str(row.sequence),
    get_key=lambda row: row.sequence,
    get_start=lambda sequence: sequence,
)

ROUTES = (
    list_route(
        "/v3/ledgers", LEDGERS, LedgerAttributes, "Closed ledgers.", is_public=True, streams=True
    ),
    one_route(
        "/v3/ledgers/{sequence}",
        get_ledger,
        LedgerAttributes,
        "One closed ledger.",
        Parameter("sequence", NUMBER, "Its sequence."),
    ),
)

"""Operations of transactions in ledgers."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import may_read, require_transaction_read
from gateways.horizon.authorization import make_not_found
from gateways.horizon.contract_types import shows_one_of
from gateways.horizon.database import PointQuery
from gateways.horizon.filters import by_ledger
from gateways.horizon.ids import get_operation_index
from gateways.horizon.parameters import BY_ACCOUNT, BY_TRANSACTION
from gateways.horizon.resource import (
    Rendered,
    ResourceCollection,
    get_one,
    get_row_id,
    list_route,
    one_route,
)
from gateways.horizon.responses import respond_one
from gateways.horizon.scales import find_assets
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import Filter, PageQuery
from gateways.http.parameter_types import NUMBER
from gateways.http.routes import Call, Parameter
from schemas.codec import decode
from schemas.generated.transactions import Operation, OperationResult
from schemas.readable import Scales, show_account, show_value
from schemas.values import format_time

SUCCESS = "SUCCESS"
OPERATION = PointQuery("select id as key, * from horizon.operations where id = any(%s)")
# By the signer's accounts, because participants are not indexed by operation. Its parameters are
# the signer and the operation's id.
SIGNER_IS_PARTICIPANT = (
    "select 1 from horizon.signers s join horizon.participants p on p.account_id = s.account_id"
    " where s.public_key = %s and p.operation_id = %s limit 1"
)
_TRANSACTION_ID = "(select id from horizon.transactions where transaction_hash = %s limit 1)"

Decoded = tuple[Operation, OperationResult | None]


class OperationAttributes(msgspec.Struct, frozen=True):
    """An operation. `details`: its body. `code`: SUCCESS, or why it or its transaction failed.

    `detail`: what a program needs to know of a refusal beside its code, as the ledger that closed
    the first use of a reference.
    """

    type: str
    index: int
    ledger_sequence: str
    transaction_hash: str
    source_account: str
    applied_at: str
    close_time_ms: str
    is_successful: bool
    code: str
    details: Annotated[dict[str, Any], shows_one_of("operation")]
    result: Annotated[dict[str, Any], shows_one_of("outcome")] | None
    detail: dict[str, Any] | None


def get_code(result: OperationResult) -> str | None:
    """The symbol of a failure, None for a success."""
    return result.outcome.name if isinstance(result.outcome, Enum) else None


def decode_operation(row: Any) -> Decoded:
    outcome = None if row.outcome is None else decode(OperationResult, row.outcome)
    return decode(Operation, row.body), outcome


async def get_scales(horizon: Horizon, decoded: Sequence[Decoded]) -> Scales:
    """Of all amounts in the operations."""
    bodies = [operation.body for operation, _ in decoded]
    return await horizon.scales.get(find_assets(bodies), bodies)


def render_attributes(row: Any, decoded: Decoded, scales: Scales) -> OperationAttributes:
    operation, outcome = decoded
    code = "INTERNAL_ERROR" if outcome is None else get_code(outcome) or SUCCESS
    has_failed = outcome is None or isinstance(outcome.outcome, Enum)
    detail = None if outcome is None or outcome.detail is None else outcome.detail.data
    return OperationAttributes(
        type=row.type,
        index=get_operation_index(row.id),
        ledger_sequence=str(row.ledger_sequence),
        transaction_hash=row.transaction_hash.hex(),
        source_account=show_account(row.source_account),
        applied_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        is_successful=row.is_success,
        code=code,
        details=show_value(operation.body, scales),
        result=None if outcome is None or has_failed else show_value(outcome.outcome, scales),
        detail=None if detail is None else show_value(detail, scales),
    )


def _render_operation(row: Any, decoded: Decoded, scales: Scales) -> Resource[OperationAttributes]:
    attributes = render_attributes(row, decoded, scales)
    relationships = {
        "source": relate("accounts", attributes.source_account),
        "transaction": relate("transactions", attributes.transaction_hash),
        "ledger": relate("ledgers", attributes.ledger_sequence),
    }
    return Resource("operations", str(row.id), attributes, relationships)


async def render_operations(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    decoded = [decode_operation(row) for row in rows]
    scales = await get_scales(horizon, decoded)
    return [_render_operation(r, each, scales) for r, each in zip(rows, decoded, strict=True)]


async def get_operation(call: Call) -> Response:
    row, snapshot = await get_one(call, OPERATION, "id", "operation")
    (resource,) = await render_operations(call.service, [row])
    return respond_one(call, resource, snapshot)


async def guard_operation(call: Call) -> None:
    """Every participant may read it, and who may read transactions."""
    horizon: Horizon = call.service
    query = PageQuery(SIGNER_IS_PARTICIPANT, (call.signer, call.path["id"]))
    snapshot = await horizon.database.get_pages(query)
    if not snapshot.rows[0] and not await may_read(
        horizon, call.signer, require_transaction_read({})
    ):
        raise make_not_found("operation", snapshot)


OPERATIONS = ResourceCollection(
    "operations",
    "horizon.operations o",
    "o.*",
    "o.id",
    NUMBER,
    (
        Filter(
            BY_ACCOUNT,
            "p.account_id = %s",
            join="join horizon.participants p on p.operation_id = o.id",
            key="p.operation_id",
        ),
        by_ledger("o.id"),
        Filter(
            BY_TRANSACTION,
            f"o.id >= {_TRANSACTION_ID} and o.id <= {_TRANSACTION_ID} + 4095",
            lambda value: (value, value),
        ),
    ),
    render=render_operations,
    get_key=get_row_id,
    require=require_transaction_read,
)

ROUTES = (
    list_route(
        "/v3/operations",
        OPERATIONS,
        OperationAttributes,
        "Operations of transactions in ledgers.",
        streams=True,
    ),
    one_route(
        "/v3/operations/{id}",
        get_operation,
        OperationAttributes,
        "One operation.",
        Parameter("id", NUMBER, "Its id."),
        guard=guard_operation,
    ),
)

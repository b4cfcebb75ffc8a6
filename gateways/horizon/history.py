"""The history of an account: its operations, with their effects on its balances."""

from collections.abc import Sequence
from typing import Any

import msgspec

from gateways.horizon.access import require_balance_read
from gateways.horizon.filters import by_account
from gateways.horizon.ids import get_ledger_range
from gateways.horizon.movements import EffectAttributes, render_effect
from gateways.horizon.operations import (
    Decoded,
    OperationAttributes,
    decode_operation,
    get_scales,
    render_attributes,
)
from gateways.horizon.resource import Rendered, ResourceCollection, list_route
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import PageQuery
from gateways.http.parameter_types import NUMBER
from schemas.readable import Scales, show_account

EFFECTS = (
    "select * from horizon.movements where account_id = %s and operation_id = any(%s)"
    " and id >= %s and id < %s order by id"
)


class ParticipantAttributes(msgspec.Struct, frozen=True):
    """An operation that concerned an account, and what it did to the account's balances."""

    account: str
    operation: OperationAttributes
    effects: list[EffectAttributes]


def _render_participant(
    row: Any, decoded: Decoded, effects: Sequence[Any], scales: Scales
) -> Resource[ParticipantAttributes]:
    account = show_account(row.account_id)
    attributes = ParticipantAttributes(
        account,
        render_attributes(row, decoded, scales),
        [render_effect(each, scales) for each in effects],
    )
    relationships = {
        "account": relate("accounts", account),
        "operation": relate("operations", str(row.id)),
    }
    return Resource("participant-effects", f"{row.id}-{account}", attributes, relationships)


async def render_history(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    """All rows are of one account, which the collection needs as a filter."""
    if not rows:
        return []
    decoded = [decode_operation(row) for row in rows]
    ids = tuple(row.id for row in rows)
    first, after = get_ledger_range(min(ids) >> 32)[0], get_ledger_range(max(ids) >> 32)[1]
    snapshot = await horizon.database.get_pages(
        PageQuery(EFFECTS, (rows[0].account_id, ids, first, after))
    )
    effects: dict[int, list[Any]] = {}
    for effect in snapshot.rows[0]:
        effects.setdefault(effect.operation_id, []).append(effect)
    await get_scales(horizon, decoded)
    scales = await horizon.scales.get({each.asset for each in snapshot.rows[0]})
    return [
        _render_participant(row, each, effects.get(row.id, []), scales)
        for row, each in zip(rows, decoded, strict=True)
    ]


HISTORY = ResourceCollection(
    "participant-effects",
    "horizon.participants p join horizon.operations o on o.id = p.operation_id",
    "o.*, p.account_id",
    "p.operation_id",
    NUMBER,
    (by_account("p.account_id"),),
    render=render_history,
    needs=("filter[account]",),
    get_key=lambda row: (row.id, row.account_id),
    require=require_balance_read,
)

ROUTES = (
    list_route(
        "/v3/history",
        HISTORY,
        ParticipantAttributes,
        "What happened to an account: its operations, with their effects on its balances.",
    ),
)

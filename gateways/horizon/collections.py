"""How each collection is listed, streamed and rendered: one page of rows to resources."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon import queries, resources
from gateways.horizon.database import PageQuery
from gateways.horizon.queries import Collection
from gateways.horizon.service import Horizon
from gateways.http.app import wants_stream
from gateways.http.jsonapi import Document, Links, Listing, Meta, Resource, respond
from gateways.http.paging import make_links, read_page
from gateways.http.problems import BAD_REQUEST, NOT_ACCEPTABLE, Problem
from gateways.http.routes import Call, Handler
from gateways.http.sse import get_stream_client, read_last_event_id
from schemas.codec import decode
from schemas.generated.transactions import Operation, OperationResult
from schemas.strkey import encode_balance_id
from schemas.values import format_time

Rendered = list[Resource[Any]]


@dataclass(frozen=True, slots=True)
class View:
    """A collection as users see it. `needs`: filters without which it is not shown.

    `get_key`: names a row that never changes again, so that its JSON is made once, however many
    pages and streams show it; None where rows change.
    """

    collection: Collection
    render: Callable[[Horizon, Sequence[Any]], Awaitable[Rendered]]
    get_position: Callable[[Any], str]
    needs: tuple[str, ...] = ()
    get_key: Callable[[Any], Hashable] | None = None

    async def show(self, horizon: Horizon, rows: Sequence[Any]) -> list[Any]:
        """Resources of the rows, or their JSON, in their order."""
        if self.get_key is None:
            return await self.render(horizon, rows)
        name = self.collection.name
        keys = [(name, self.get_key(row)) for row in rows]
        known = horizon.rendered.get(keys)
        if len(known) < len(keys):
            missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
            made = await self.render(horizon, list(missing.values()))
            new = (msgspec.Raw(msgspec.json.encode(each)) for each in made)
            fresh: dict[Hashable, msgspec.Raw] = dict(zip(missing, new, strict=True))
            known |= fresh
            horizon.rendered.keep(fresh)
        return [known[key] for key in keys]


async def _render_ledgers(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [resources.render_ledger(row) for row in rows]


async def _render_transactions(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [resources.render_transaction(row) for row in rows]


async def render_operations(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    decoded, scales = await _prepare_operations(horizon, rows)
    return [
        resources.render_operation(row, body, outcome, scales)
        for row, (body, outcome) in zip(rows, decoded, strict=True)
    ]


async def _prepare_operations(horizon: Horizon, rows: Sequence[Any]) -> tuple[Any, Any]:
    decoded = [
        (
            decode(Operation, row.body),
            None if row.outcome is None else decode(OperationResult, row.outcome),
        )
        for row in rows
    ]
    bodies = [body.body for body, _ in decoded]
    codes = {body.asset for body in bodies if hasattr(body, "asset")}
    return decoded, await horizon.get_scales(codes, bodies)


async def _render_history(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    if not rows:
        return []
    decoded, _ = await _prepare_operations(horizon, rows)
    ids = tuple(row.id for row in rows)
    first, after = min(ids) >> 32 << 32, ((max(ids) >> 32) + 1) << 32
    snapshot = await horizon.database.get_pages(
        PageQuery(queries.EFFECTS, (rows[0].account_id, ids, first, after))
    )
    effects: dict[int, list[Any]] = {}
    for effect in snapshot.rows[0]:
        effects.setdefault(effect.operation_id, []).append(effect)
    scales = await horizon.get_scales({each.asset for each in snapshot.rows[0]})
    return [
        resources.render_participant(
            row,
            resources.render_operation_attributes(row, body, outcome, scales),
            effects.get(row.id, []),
            scales,
        )
        for row, (body, outcome) in zip(rows, decoded, strict=True)
    ]


async def _render_movements(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    scales = await horizon.get_scales({row.asset for row in rows})
    return [resources.render_movement(row, scales) for row in rows]


async def render_balances(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    scales = await horizon.get_scales({row.asset for row in rows})
    return [resources.render_balance(row, scales) for row in rows]


async def _render_assets(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [resources.render_asset(row) for row in rows]


def _get_id(row: Any) -> str:
    return str(row.id)


def _get_row_id(row: Any) -> Hashable:
    number: int = row.id
    return number


LEDGERS = View(
    queries.LEDGERS,
    _render_ledgers,
    lambda row: str(row.sequence),
    get_key=lambda row: row.sequence,
)
TRANSACTIONS = View(queries.TRANSACTIONS, _render_transactions, _get_id, get_key=_get_row_id)
OPERATIONS = View(queries.OPERATIONS, render_operations, _get_id, get_key=_get_row_id)
HISTORY = View(
    queries.HISTORY,
    _render_history,
    _get_id,
    ("filter[account]",),
    get_key=lambda row: (row.id, row.account_id),
)
MOVEMENTS = View(queries.MOVEMENTS, _render_movements, _get_id, get_key=_get_row_id)
BALANCES = View(queries.BALANCES, render_balances, lambda row: encode_balance_id(row.balance_id))
ASSETS = View(queries.ASSETS, _render_assets, lambda row: str(row.code))


def make_list_handler(view: View) -> Handler:
    """Answers a page, or a stream where the route has one and the sender asks for it."""

    async def get_list(call: Call) -> Response:
        if wants_stream(call):
            return await _stream(call, view)
        page = read_page(call, view.collection.position)
        for name in view.needs:
            if name not in page.filters:
                raise Problem(BAD_REQUEST, f"this route needs {name}", {"parameter": name})
        horizon: Horizon = call.service
        snapshot = await horizon.database.get_pages(view.collection.build_query(page))
        walked = snapshot.rows[0]
        shown = await view.show(horizon, page.arrange(walked))
        links = make_links(call, page, walked, view.get_position)
        return respond(Listing(shown, links, make_meta(snapshot)), snapshot.sequence)

    return get_list


async def _stream(call: Call, view: View) -> Response:
    """From Last-Event-ID on, else from the cursor, else from what comes now. Always ascending."""
    if not call.route.streams:
        raise Problem(NOT_ACCEPTABLE, "only ledgers, transactions, operations, movements stream")
    horizon: Horizon = call.service
    page = read_page(call, view.collection.position)
    filters = dict(page.filters)
    start = read_last_event_id(call)
    if start is None:
        start = page.position
    if start is None:
        snapshot = await horizon.database.get_points()
        is_ledgers = view.collection is queries.LEDGERS
        start = snapshot.sequence if is_ledgers else queries.get_ledger_range(snapshot.sequence)[1]

    async def load(position: int) -> list[tuple[int, Any]]:
        if call.route.guard is not None:
            await call.route.guard(call)  # again each time: a signer may be taken away meanwhile
        query = view.collection.build_stream_query(filters, position)
        snapshot = await horizon.database.get_pages(query)
        rows = snapshot.rows[0]
        shown = await view.show(horizon, rows)
        return [(int(view.get_position(row)), one) for row, one in zip(rows, shown, strict=True)]

    client = get_stream_client(call)
    return horizon.streams.respond(
        start, load, horizon.ledger_channel, view.collection.name, client
    )


def make_meta(snapshot: Any) -> Meta:
    return Meta(str(snapshot.sequence), format_time(snapshot.close_time_ms))


def respond_one(
    call: Call, resource: Resource[Any], snapshot: Any, included: Rendered | None = None
) -> Response:
    """One resource as a document."""
    links = Links(f"{call.public_url}{call.request.scope['path']}")
    document = Document(resource, links, make_meta(snapshot), included or [])
    return respond(document, snapshot.sequence)

"""Reviewable requests, pending and ended."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_request_read
from gateways.horizon.assets import INCLUDED_ASSETS
from gateways.horizon.authorization import SIGNERS_OF_REQUEST, make_owner_guard
from gateways.horizon.contract_types import shows
from gateways.horizon.database import PointQuery
from gateways.horizon.parameters import ASSET_CODE, BALANCE_ID
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.scales import find_assets
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import Filter
from gateways.http.parameter_types import ACCOUNT_ID, NUMBER, TIME, ParameterType, choice
from gateways.http.routes import Call, Parameter, Route
from schemas.codec import decode
from schemas.contract import REQUESTS as KINDS
from schemas.generated.ledger import LedgerEntry
from schemas.readable import show_account, show_value
from schemas.values import format_time

REQUEST = PointQuery(
    "select r.request_id as key, r.* from horizon.requests r where r.request_id = any(%s)"
)
STATES = ("PENDING", "REJECTED", "APPROVED", "PERMANENTLY_REJECTED", "CANCELLED", "UNKNOWN")
TASKS_MAX = (1 << 32) - 1
KIND = choice(*(row.stem for row in KINDS))


class RequestAttributes(msgspec.Struct, frozen=True):
    """A request. `entry` is what it asks for, as it stood last; null where it was fulfilled by the
    operation that made it, which says the same.

    `state`: PENDING awaits its reviewer, REJECTED its requestor; UNKNOWN is a withdrawal that
    was sent, of which nobody can tell yet whether it arrived; the others have ended.
    """

    kind: str
    state: str
    asset: str | None
    all_tasks: int | None
    pending_tasks: int
    created_at: str
    changed_at: str
    entry: Annotated[dict[str, Any], shows("entries.ReviewableRequest")] | None


def _parse_tasks(text: str) -> int:
    number: int = NUMBER.parse(text)
    if number > TASKS_MAX:
        raise ValueError("expected a whole number below 2^32: the sum of task bits")
    return number


TASKS = ParameterType(_parse_tasks, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,9})$"})


async def render_requests(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    entries: list[Any] = [r.entry and decode(LedgerEntry, r.entry).data for r in rows]
    bodies = [each.body for each in entries if each is not None]
    scales = await horizon.scales.get(find_assets(bodies), bodies)
    return [_render(row, entry, scales) for row, entry in zip(rows, entries, strict=True)]


def _render(row: Any, entry: Any, scales: Any) -> Resource[RequestAttributes]:
    attributes = RequestAttributes(
        kind=row.kind,
        state=row.state,
        asset=row.asset,
        all_tasks=row.all_tasks,
        pending_tasks=row.pending_tasks,
        created_at=format_time(row.created_at_ms),
        changed_at=format_time(row.changed_at_ms),
        entry=None if entry is None else show_value(entry, scales),
    )
    reviewer = None if row.reviewer is None else show_account(row.reviewer)
    relationships = {
        "requestor": relate("accounts", show_account(row.requestor)),
        "reviewer": relate("accounts", reviewer),
        "created_by": relate("operations", str(row.created_by)),
        "changed_by": relate("operations", str(row.changed_by)),
    }
    return Resource("requests", str(row.request_id), attributes, relationships)


async def get_request(call: Call) -> Response:
    row, snapshot = await get_one(call, REQUEST, "id", "request")
    (resource,) = await render_requests(call.service, [row])
    return respond_one(call, resource, snapshot)


def _by(name: str, kind: ParameterType, condition: str, doc: str) -> Filter:
    return Filter(Parameter(f"filter[{name}]", kind, doc), condition)


FILTERS = (
    _by("requestor", ACCOUNT_ID, "r.requestor = %s", "Only those of this account."),
    _by("reviewer", ACCOUNT_ID, "r.reviewer = %s", "Only those that this account reviews."),
    _by("state", choice(*STATES), "r.state = %s", "Only those in this state."),
    _by("asset", ASSET_CODE, "r.asset = %s", "Only those about this asset."),
    _by(
        "request_details.balance",
        BALANCE_ID,
        "r.balance_id = %s",
        "Only those about this balance: it receives an issuance, or it is debited.",
    ),
    _by(
        "request_details.destination_account",
        ACCOUNT_ID,
        "r.destination = %s",
        "Only those that pay to this account, or change it.",
    ),
    _by(
        "request_details.destination_balance",
        BALANCE_ID,
        "r.destination = %s",
        "Only those that pay to this balance.",
    ),
    _by(
        "request_details.account_role_to_set",
        NUMBER,
        "r.role_id = %s",
        "Only those that ask for this account role.",
    ),
    _by("created_after", TIME, "r.created_at_ms >= %s", "Only those made at this time or later."),
    _by("created_before", TIME, "r.created_at_ms < %s", "Only those made before."),
    _by("changed_after", TIME, "r.changed_at_ms >= %s", "Only those changed then or later."),
    _by("changed_before", TIME, "r.changed_at_ms < %s", "Only those last changed before."),
    _by(
        "pending_tasks",
        TASKS,
        "~r.pending_tasks & %s::bigint = 0",
        "Only those with all of these task bits pending.",
    ),
    _by(
        "pending_tasks_any_of",
        TASKS,
        "r.pending_tasks & %s::bigint <> 0",
        "Only those with any of these task bits pending.",
    ),
    _by(
        "pending_tasks_not_set",
        TASKS,
        "r.pending_tasks & %s::bigint = 0",
        "Only those with none of these task bits pending.",
    ),
)
BY_KIND = _by("kind", KIND, "r.kind = %s", "Only those of this kind.")


def _make_collection(name: str, source: str, filters: Sequence[Filter]) -> ResourceCollection:
    return ResourceCollection(
        name,
        source,
        "r.*",
        "r.request_id",
        NUMBER,
        filters,
        render=render_requests,
        get_position=lambda row: str(row.request_id),
        require=require_request_read,
        includes=(INCLUDED_ASSETS,),
    )


def _make_kind_route(stem: str) -> Route:
    """Of the requests of one kind, as TokenD has a collection each."""
    source = f"(select * from horizon.requests where kind = '{stem}') r"  # noqa: S608 - a constant
    path = f"/v3/{stem.replace('_', '-')}-requests"
    collection = _make_collection(stem, source, FILTERS)
    collection = dataclasses.replace(
        collection, require=lambda given: require_request_read({**given, "kind": stem})
    )
    return list_route(path, collection, RequestAttributes, f"Requests of the kind {stem}.")


REQUESTS = _make_collection("requests", "horizon.requests r", (*FILTERS, BY_KIND))

ROUTES = (
    list_route("/v3/requests", REQUESTS, RequestAttributes, "Reviewable requests."),
    one_route(
        "/v3/requests/{id}",
        get_request,
        RequestAttributes,
        "One request.",
        Parameter("id", NUMBER, "Its number."),
        guard=make_owner_guard(SIGNERS_OF_REQUEST, "request", require_request_read),
    ),
    *(_make_kind_route(row.stem) for row in KINDS),
)

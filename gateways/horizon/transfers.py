"""External transfers, their events, and whose addresses of external systems were when."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from starlette.responses import Response

from gateways.horizon.access import READ
from gateways.horizon.authorization import make_owner_guard
from gateways.horizon.contract_types import shows
from gateways.horizon.database import PointQuery
from gateways.horizon.filters import by_account
from gateways.horizon.parameters import ASSET_CODE
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.scales import find_assets
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource, relate
from gateways.http.keyset import Filter, PageQuery
from gateways.http.parameter_types import NUMBER, ParameterType, choice
from gateways.http.routes import Call, Parameter
from schemas.codec import decode
from schemas.generated import keys
from schemas.generated.common import ExternalSystemResource, TransferPurpose, TransferResource
from schemas.generated.entries import TransferState
from schemas.generated.ledger import LedgerEntry, TransferEvent
from schemas.readable import show_account, show_value
from schemas.values import format_time
from streams.ledger.access.requirements import Requirement
from streams.ledger.border.chains import is_chain_id

TRANSFER = PointQuery(
    "select t.transfer_id as key, t.* from horizon.transfers t where t.transfer_id = any(%s)"
)
# Nobody owns a transfer: who reads it is a matter of rules.
ABOUT_TRANSFER = PointQuery(
    "select t.transfer_id as key, ''::bytea as public_key, t.chain_id as chain, t.asset, t.purpose"
    " from horizon.transfers t where t.transfer_id = any(%s)"
)
PARTS = "select key, entry from horizon.entries where key >= %s and key < %s order by key"
STATES = (*(each.name for each in TransferState), "CLOSED")
BINDING_KEY_MAX = 300


def _parse_system(text: str) -> str:
    if not is_chain_id(text):
        raise ValueError("expected a chain's id by CAIP-2, as eip155:1, or bank:NAME")
    return text


def _parse_text(text: str) -> str:
    if len(text) > BINDING_KEY_MAX or not text.isprintable():
        raise ValueError("expected a printable text")
    return text


SYSTEM = ParameterType(
    _parse_system, {"type": "string", "pattern": "^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$"}
)
TEXT = ParameterType(_parse_text, {"type": "string", "maxLength": BINDING_KEY_MAX})


class TransferAttributes(msgspec.Struct, frozen=True):
    """A transfer as it stood last. `state` CLOSED: it has left the ledger's state.

    `payloads` and `signatures` are shown with one transfer, and only until it is closed.
    """

    chain: str
    purpose: str
    asset: str
    state: str
    requests: list[str]
    entry: Annotated[dict[str, Any], shows("entries.ExternalTransfer")]
    changed_in: str
    payloads: list[Annotated[dict[str, Any], shows("entries.TransferPayload")]] | None = None
    signatures: list[Annotated[dict[str, Any], shows("entries.TransferSignature")]] | None = None


class TransferEventAttributes(msgspec.Struct, frozen=True):
    """What happened to a transfer. `version`: its newest then."""

    event: str
    version: int
    ledger_sequence: str
    applied_at: str


class ExternalBindingAttributes(msgspec.Struct, frozen=True):
    """Whose an address was, from a time on and until before another; absent: for ever."""

    system: str
    address: str
    number: str
    from_at: str
    until_at: str | None


def require_transfer_read(given: Mapping[str, Any]) -> Requirement:
    """`given`: what is known of what is read."""
    purpose = given.get("purpose")
    known = None if purpose is None else TransferPurpose[purpose]
    return (TransferResource, READ, given.get("chain"), given.get("asset"), known)


def require_binding_read(given: Mapping[str, Any]) -> Requirement:
    """Addresses of a system."""
    return (ExternalSystemResource, READ, given.get("system"))


async def render_transfers(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    entries = [decode(LedgerEntry, row.entry).data for row in rows]
    scales = await horizon.scales.get(find_assets(entries), entries)
    return [
        _render(row, show_value(entry, scales)) for row, entry in zip(rows, entries, strict=True)
    ]


def _render(row: Any, entry: dict[str, Any], **more: Any) -> Resource[TransferAttributes]:
    attributes = TransferAttributes(
        chain=row.chain_id,
        purpose=row.purpose,
        asset=row.asset,
        state=row.state,
        requests=[str(each) for each in row.requests],
        entry=entry,
        changed_in=str(row.changed_in),
        **more,
    )
    return Resource("transfers", str(row.transfer_id), attributes)


async def get_transfer(call: Call) -> Response:
    horizon: Horizon = call.service
    row, snapshot = await get_one(call, TRANSFER, "id", "transfer")
    number = int(row.transfer_id).to_bytes(8, "big")
    queries = [
        PageQuery(PARTS, (key[:1] + number, key[:1] + number + b"\xff"))
        for key in (keys.transfer_payload_key(0, 1), SIGNATURES)
    ]
    parts = await horizon.database.get_pages(*queries)
    payloads, signatures = (
        [show_value(decode(LedgerEntry, each.entry).data, horizon.scales.known) for each in rows]
        for rows in parts.rows
    )
    entry = decode(LedgerEntry, row.entry).data
    scales = await horizon.scales.get({row.asset}, [entry])
    shown = _render(row, show_value(entry, scales), payloads=payloads, signatures=signatures)
    return respond_one(call, shown, snapshot)


SIGNATURES = keys.transfer_signature_key(0, 1, bytes(32))  # type: ignore[arg-type]


async def render_events(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    del horizon
    return [
        Resource(
            "transfer-events",
            str(row.id),
            TransferEventAttributes(
                event=row.event,
                version=row.version,
                ledger_sequence=str(row.id >> 32),
                applied_at=format_time(row.close_time_ms),
            ),
            {
                "transfer": relate("transfers", str(row.transfer_id)),
                "operation": relate("operations", str(row.operation_id)),
            },
        )
        for row in rows
    ]


async def render_bindings(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    del horizon
    return [
        Resource(
            "external-bindings",
            row.position,
            ExternalBindingAttributes(
                system=row.system,
                address=row.address,
                number=str(row.number),
                from_at=format_time(int(row.from_ms)),
                until_at=None if row.until_ms is None else format_time(int(row.until_ms)),
            ),
            {"account": relate("accounts", show_account(row.account_id))},
        )
        for row in rows
    ]


def _by(name: str, kind: ParameterType, condition: str, doc: str) -> Filter:
    return Filter(Parameter(f"filter[{name}]", kind, doc), condition)


TRANSFERS = ResourceCollection(
    "transfers",
    "horizon.transfers t",
    "t.*",
    "t.transfer_id",
    NUMBER,
    (
        _by("chain", SYSTEM, "t.chain_id = %s", "Only those on this chain, or of this bank."),
        _by("state", choice(*STATES), "t.state = %s", "Only those in this state."),
        _by("request", NUMBER, "t.requests @> array[%s::bigint]", "Only those that pay this."),
        _by("asset", ASSET_CODE, "t.asset = %s", "Only those of this asset."),
        _by(
            "purpose",
            choice(*(each.name for each in TransferPurpose)),
            "t.purpose = %s",
            "Only those for this purpose.",
        ),
    ),
    render=render_transfers,
    get_position=lambda row: str(row.transfer_id),
    require=require_transfer_read,
)
EVENTS = ResourceCollection(
    "transfer-events",
    "horizon.transfer_events e join horizon.transfers t on t.transfer_id = e.transfer_id",
    "e.*",
    "e.id",
    NUMBER,
    (
        _by("transfer", NUMBER, "e.transfer_id = %s", "Only those of this transfer."),
        _by("chain", SYSTEM, "t.chain_id = %s", "Only those on this chain, or of this bank."),
        _by("request", NUMBER, "t.requests @> array[%s::bigint]", "Only of what pays this."),
        _by(
            "event",
            choice(*(each.name for each in TransferEvent)),
            "e.event = %s",
            "Only such events.",
        ),
    ),
    render=render_events,
    require=require_transfer_read,
)
# Number last and of fixed width, so that bindings of an address stand in their order.
POSITION = "(b.system || ' ' || b.address || ' ' || lpad(b.number::text, 20, '0'))"
BINDINGS = ResourceCollection(
    "external-bindings",
    "horizon.external_bindings b",
    f"b.*, {POSITION} as position",
    POSITION,
    TEXT,
    (
        by_account("b.account_id"),
        _by("system", SYSTEM, "b.system = %s", "Only those of this external system."),
        _by("address", TEXT, "b.address = %s", "Only those of this address."),
    ),
    render=render_bindings,
    get_position=lambda row: str(row.position),
    require=require_binding_read,
)

ROUTES = (
    list_route("/v3/transfers", TRANSFERS, TransferAttributes, "Movements outside the network."),
    one_route(
        "/v3/transfers/{id}",
        get_transfer,
        TransferAttributes,
        "One transfer, with what is signed of it and who signed.",
        Parameter("id", NUMBER, "Its number."),
        guard=make_owner_guard(ABOUT_TRANSFER, "transfer", require_transfer_read),
    ),
    list_route(
        "/v3/transfer-events",
        EVENTS,
        TransferEventAttributes,
        "What happened to transfers.",
        streams=True,
    ),
    list_route(
        "/v3/external-bindings",
        BINDINGS,
        ExternalBindingAttributes,
        "Whose addresses of external systems were when.",
    ),
)

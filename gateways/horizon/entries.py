"""Entries of the ledger that the views keep as bytes: shown as their schemas say.

A kind has a row in `KINDS`. Its collection walks the keys of the kind in their order.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
from starlette.responses import Response

from gateways.horizon.contract_types import shows
from gateways.horizon.database import PointQuery
from gateways.horizon.parameters import ASSET_PAIR
from gateways.horizon.resource import Rendered, ResourceCollection, get_one, list_route, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.scales import find_assets
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource
from gateways.http.parameter_types import NUMBER, ParameterType
from gateways.http.routes import Call, Parameter, Route
from schemas.assembly import get_type_name
from schemas.codec import decode
from schemas.contract import ENTRIES
from schemas.generated import keys
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import LedgerEntry
from schemas.readable import show_value

ENTRY = PointQuery("select key, entry, changed_in from horizon.entries where key = any(%s)")
KEY_BYTES_MAX = 1_024
NO_ACCOUNT = b"\x00"  # an absent account_id, which is the first field of the key


class EntryKind(NamedTuple):
    """`identify`: the id of an entry in documents. `parameter` and `make_key`: of the route of one
    entry; None where only the collection is shown. `shown`: what keys begin with behind the kind's
    index; others are somebody's own and not shown."""

    stem: str
    path: str
    doc: str
    identify: Callable[[Any], str]
    shown: bytes = b""
    parameter: Parameter | None = None
    make_key: Callable[[Any], KeyBytes] | None = None


def _parse_key(text: str) -> bytes:
    if len(text) > 2 * KEY_BYTES_MAX:
        raise ValueError("expected a cursor that a page gave")
    return bytes.fromhex(text)


KEY = ParameterType(_parse_key, {"type": "string", "pattern": "^([0-9a-f]{2})+$"})


def _by_number(name: str, what: str) -> Parameter:
    return Parameter(name, NUMBER, f"The number of the {what}.")


KINDS = (
    EntryKind(
        "account_role",
        "account-roles",
        "Account roles: what accounts may do.",
        lambda entry: str(entry.role_id),
        parameter=_by_number("id", "role"),
        make_key=keys.account_role_key,
    ),
    EntryKind(
        "account_rule",
        "account-rules",
        "The rules that account roles have.",
        lambda entry: str(entry.rule_id),
        parameter=_by_number("id", "rule"),
        make_key=keys.account_rule_key,
    ),
    EntryKind(
        "signer_role",
        "signer-roles",
        "Signer roles: what signers may sign.",
        lambda entry: str(entry.role_id),
        parameter=_by_number("id", "role"),
        make_key=keys.signer_role_key,
    ),
    EntryKind(
        "signer_rule",
        "signer-rules",
        "The rules that signer roles have.",
        lambda entry: str(entry.rule_id),
        parameter=_by_number("id", "rule"),
        make_key=keys.signer_rule_key,
    ),
    EntryKind(
        "default_signer_rules",
        "default-signer-rules",
        "The signer rules that every signer role has besides, and the roles that do not.",
        lambda _: "default",
    ),
    EntryKind(
        "asset_pair",
        "asset-pairs",
        "Pairs of assets and their prices.",
        lambda entry: f"{entry.base}:{entry.quote}",
        parameter=Parameter("id", ASSET_PAIR, "BASE:QUOTE, the codes of the two assets."),
        make_key=lambda pair: keys.asset_pair_key(*pair),
    ),
    EntryKind(
        "fee_schedule",
        "fees",
        "Fees of account roles and of all. An account's own are not shown here.",
        lambda entry: keys.get_key(entry).hex(),
        NO_ACCOUNT,
    ),
    EntryKind(
        "limits",
        "limits",
        "Limits of account roles and of all. An account's own are not shown here.",
        lambda entry: keys.get_key(entry).hex(),
        NO_ACCOUNT,
    ),
    EntryKind(
        "approval_policy",
        "approval-policies",
        "How many people must approve requests, and how long they wait.",
        lambda entry: f"{entry.kind}:{entry.asset}",
    ),
    EntryKind(
        "asset_halt",
        "asset-halts",
        "Assets of which issuances or withdrawals are halted.",
        lambda entry: str(entry.asset),
    ),
    EntryKind(
        "asset_flow",
        "asset-flows",
        "What was asked for of capped assets within the last day.",
        lambda entry: f"{entry.asset}:{entry.kind.name}",
    ),
    EntryKind(
        "external_pool",
        "external-pools",
        "How many addresses of external systems can be taken.",
        lambda entry: f"{entry.system}/{entry.keyset_version}",
    ),
    EntryKind(
        "keyset",
        "keysets",
        "The keys of the network's wallets on chains.",
        lambda entry: f"{entry.chain_id}/{entry.wallet.name}/{entry.version}",
    ),
    EntryKind(
        "wallet_nonce",
        "wallet-nonces",
        "The next nonces of the network's accounts on chains.",
        lambda entry: f"{entry.chain_id}/{entry.account}",
    ),
    EntryKind(
        "chain_checkpoint",
        "chain-checkpoints",
        "Up to which blocks of chains all deposits are worked off.",
        lambda entry: str(entry.chain_id),
    ),
    EntryKind(
        "transfer_policy",
        "transfer-policies",
        "What external transfers may move.",
        lambda entry: f"{entry.chain_id}/{entry.asset}/{entry.purpose.name}",
    ),
    EntryKind(
        "network_fee_debt",
        "network-fee-debts",
        "What transfers cost and the operator's float did not cover.",
        lambda entry: str(entry.transfer_id),
    ),
)


def make_entry_attributes(stem: str, doc: str) -> Any:
    """The attributes of entries of a kind, as a type."""
    name = get_type_name(stem)
    fields = [
        ("entry", Annotated[dict[str, Any], shows(f"entries.{name}")]),
        ("changed_in", str),
    ]
    return msgspec.defstruct(f"{name}Attributes", fields, namespace={"__doc__": doc}, frozen=True)


def make_entry_renderer(
    path: str, attributes: Any, identify: Callable[[Any], str]
) -> Callable[[Horizon, Sequence[Any]], Awaitable[Rendered]]:
    """Of rows with the columns `entry` and `changed_in`."""

    async def render(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
        entries = [decode(LedgerEntry, row.entry).data for row in rows]
        scales = await horizon.scales.get(find_assets(entries), entries)
        return [
            Resource(
                path, identify(entry), attributes(show_value(entry, scales), str(row.changed_in))
            )
            for row, entry in zip(rows, entries, strict=True)
        ]

    return render


def _make_routes(kind: EntryKind) -> list[Route]:
    attributes = make_entry_attributes(kind.stem, kind.doc)
    render = make_entry_renderer(kind.path, attributes, kind.identify)

    async def get_entry(call: Call) -> Response:
        row, snapshot = await get_one(call, ENTRY, "id", "entry", kind.make_key)
        (resource,) = await render(call.service, [row])
        return respond_one(call, resource, snapshot)

    (number,) = (row.number for row in ENTRIES if row.stem == kind.stem)
    prefix = bytes([2 * number]) + kind.shown
    first, last = prefix.hex(), (prefix[:-1] + bytes([prefix[-1] + 1])).hex()
    collection = ResourceCollection(
        kind.path,
        "(select key, entry, changed_in from horizon.entries"  # noqa: S608 - numbers of the contract
        f" where key >= '\\x{first}' and key < '\\x{last}') e",
        "e.*",
        "e.key",
        KEY,
        render=render,
        get_position=lambda row: str(row.key.hex()),
    )
    path = f"/v3/{kind.path}"
    routes = [list_route(path, collection, attributes, kind.doc, is_public=True)]
    if kind.parameter is not None:
        routes.append(
            one_route(f"{path}/{{id}}", get_entry, attributes, "One of them.", kind.parameter)
        )
    return routes


ROUTES: tuple[Route, ...] = tuple(route for kind in KINDS for route in _make_routes(kind))

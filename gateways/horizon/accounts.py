"""Accounts, with what belongs to them if asked for."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from gateways.horizon.access import require_account_read
from gateways.horizon.authorization import (
    SIGNERS_AND_ROLE_OF_ACCOUNT,
    make_not_found,
    make_owner_guard,
)
from gateways.horizon.balances import BALANCES_BY_ACCOUNT, render_balances
from gateways.horizon.database import PointQuery
from gateways.horizon.entries import make_entry_attributes, make_entry_renderer
from gateways.horizon.resource import Rendered, make_include, one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.horizon.signers import SIGNERS_BY_ACCOUNT, render_signer
from gateways.http.jsonapi import Resource, relate, relate_many
from gateways.http.parameter_types import ACCOUNT_ID
from gateways.http.routes import Call, Parameter
from schemas.generated import keys
from schemas.readable import show_account
from streams.ledger import fees, limits

ACCOUNT = PointQuery("select account_id as key, * from horizon.accounts where account_id = any(%s)")


def _select_entries(key: str) -> PointQuery:
    """The entries of an account `a`, kept as bytes. `key`: a condition on their keys."""
    return PointQuery(
        "select a.account_id as key, e.entry, e.changed_in"  # noqa: S608 - constants
        f" from horizon.accounts a join horizon.entries e on {key}"
        " where a.account_id = any(%s) order by a.account_id, e.key"
    )


def _hex(prefix: bytes) -> str:
    return f"'\\x{prefix.hex()}'::bytea"


ROLE = _select_entries(f"e.key = {_hex(keys.ACCOUNT_ROLE)} || int8send(a.role_id::bigint)")
KYC = _select_entries(f"e.key = {_hex(keys.ACCOUNT_KYC)} || a.account_id")
OWN_LIMITS = _select_entries(f"e.key = {_hex(limits.OF_ACCOUNT)} || a.account_id || '\\x00'::bytea")
OWN_FEES = _select_entries(
    f"e.key >= {_hex(fees.OF_ACCOUNT)} || a.account_id"
    f" and e.key < {_hex(fees.OF_ACCOUNT)} || a.account_id || '\\x01'::bytea"  # no role follows
)


class AccountAttributes(msgspec.Struct, frozen=True):
    """An account."""

    sequential_id: str
    role_id: str
    changed_in: str


class Part(NamedTuple):
    """What `include` can name: rows that belong to the account."""

    type: str
    query: PointQuery
    render: Callable[[Horizon, Sequence[Any]], Awaitable[Rendered]]
    is_many: bool


def _make_part(
    stem: str,
    path: str,
    query: PointQuery,
    identify: Callable[[Any], str] = lambda entry: keys.get_key(entry).hex(),
    *,
    is_many: bool = False,
) -> Part:
    """Of entries that the views keep as bytes."""
    attributes = make_entry_attributes(stem, "An entry that belongs to an account.")
    return Part(path, query, make_entry_renderer(path, attributes, identify), is_many)


async def _render_signers(_: Horizon, rows: Sequence[Any]) -> Rendered:
    return [render_signer(row) for row in rows]


PARTS = {
    "balances": Part("balances", BALANCES_BY_ACCOUNT, render_balances, is_many=True),
    "signers": Part("signers", SIGNERS_BY_ACCOUNT, _render_signers, is_many=True),
    "role": _make_part("account_role", "account-roles", ROLE, lambda entry: str(entry.role_id)),
    "fees": _make_part("fee_schedule", "fees", OWN_FEES, is_many=True),
    "limits": _make_part("limits", "limits", OWN_LIMITS),
    "kyc": _make_part("account_kyc", "account-kyc", KYC),
}


async def get_account(call: Call) -> Response:
    horizon: Horizon = call.service
    key, names = call.path["id"], sorted(call.query.get("include", frozenset()))
    wanted = [(PARTS[name].query, key) for name in names]
    snapshot = await horizon.database.get_points((ACCOUNT, key), *wanted)
    if not snapshot.rows[0]:
        raise make_not_found("account", snapshot)
    row = snapshot.rows[0][0]
    relationships = {
        "referrer": relate("accounts", None if row.referrer is None else show_account(row.referrer))
    }
    included: Rendered = []
    for name, rows in zip(names, snapshot.rows[1:], strict=True):
        part = PARTS[name]
        rendered = await part.render(horizon, rows)
        ids = [each.id for each in rendered]
        one = relate(part.type, ids[0] if ids else None)
        relationships[name] = relate_many(part.type, ids) if part.is_many else one
        included += rendered
    attributes = AccountAttributes(str(row.sequential_id), str(row.role_id), str(row.changed_in))
    resource = Resource("accounts", show_account(row.account_id), attributes, relationships)
    return respond_one(call, resource, snapshot, included)


ROUTES = (
    one_route(
        "/v3/accounts/{id}",
        get_account,
        AccountAttributes,
        "An account, with what is asked for of what belongs to it. `fees` and `limits` are its own"
        " ones; those of its role and of all are public.",
        Parameter("id", ACCOUNT_ID, "G..."),
        guard=make_owner_guard(SIGNERS_AND_ROLE_OF_ACCOUNT, "account", require_account_read),
        parameters=(make_include(*PARTS),),
    ),
)

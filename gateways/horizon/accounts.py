"""Accounts, with their balances and signers if asked for."""

from collections.abc import Sequence
from typing import Any

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
from gateways.horizon.resource import one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.horizon.signers import SIGNERS_BY_ACCOUNT, get_signer_id, render_signer
from gateways.http.jsonapi import Relationship, Resource, relate, relate_many
from gateways.http.parameter_types import ACCOUNT_ID, choices
from gateways.http.routes import Call, Parameter
from schemas.readable import show_account, show_balance

ACCOUNT = PointQuery("select account_id as key, * from horizon.accounts where account_id = any(%s)")


class AccountAttributes(msgspec.Struct, frozen=True):
    """An account."""

    sequential_id: str
    role_id: str
    changed_in: str


def render_account(
    row: Any, balances: Sequence[Any] | None, signers: Sequence[Any] | None
) -> Resource[AccountAttributes]:
    """`balances` and `signers`: rows to relate to; None if they were not asked for."""
    attributes = AccountAttributes(str(row.sequential_id), str(row.role_id), str(row.changed_in))
    referrer = None if row.referrer is None else show_account(row.referrer)
    relationships: dict[str, Relationship] = {"referrer": relate("accounts", referrer)}
    if balances is not None:
        ids = [show_balance(each.balance_id) for each in balances]
        relationships["balances"] = relate_many("balances", ids)
    if signers is not None:
        relationships["signers"] = relate_many("signers", [get_signer_id(s) for s in signers])
    return Resource("accounts", show_account(row.account_id), attributes, relationships)


async def get_account(call: Call) -> Response:
    horizon: Horizon = call.service
    key, include = call.path["id"], call.query.get("include", frozenset())
    wanted = [(ACCOUNT, key)]
    if "balances" in include:
        wanted.append((BALANCES_BY_ACCOUNT, key))
    if "signers" in include:
        wanted.append((SIGNERS_BY_ACCOUNT, key))
    snapshot = await horizon.database.get_points(*wanted)
    rows = {query: found for (query, _), found in zip(wanted, snapshot.rows, strict=True)}
    if not rows[ACCOUNT]:
        raise make_not_found("account", snapshot)
    balances, signers = rows.get(BALANCES_BY_ACCOUNT), rows.get(SIGNERS_BY_ACCOUNT)
    resource = render_account(rows[ACCOUNT][0], balances, signers)
    included: list[Resource[Any]] = await render_balances(horizon, balances or [])
    included += [render_signer(row) for row in signers or []]
    return respond_one(call, resource, snapshot, included)


ROUTES = (
    one_route(
        "/v3/accounts/{id}",
        get_account,
        AccountAttributes,
        "An account, with its balances and signers if asked for.",
        Parameter("id", ACCOUNT_ID, "G..."),
        guard=make_owner_guard(SIGNERS_AND_ROLE_OF_ACCOUNT, "account", require_account_read),
        parameters=(
            Parameter("include", choices("balances", "signers"), "What to include, with commas."),
        ),
    ),
)

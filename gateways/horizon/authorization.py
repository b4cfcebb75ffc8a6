"""Authorization: private data is returned only for requests signed by its owner, or by a signer
whose roles allow the read.

For everybody else, what belongs to somebody answers like what does not exist, so that asking
reveals nothing. The facts come from the views: a signer that a ledger removed reads nothing after.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from gateways.horizon.access import may_read
from gateways.horizon.database import PointQuery, Snapshot
from gateways.horizon.responses import LATEST_LEDGER
from gateways.horizon.service import Horizon
from gateways.http.keyset import Collection, Filter
from gateways.http.paging import read_page
from gateways.http.problems import FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import Call, Guard
from streams.ledger.access.requirements import Requirement

SIGNERS_OF_ACCOUNT = PointQuery(
    "select account_id as key, public_key from horizon.signers where account_id = any(%s)"
)
SIGNERS_AND_ROLE_OF_ACCOUNT = PointQuery(
    "select a.account_id as key, s.public_key, a.role_id from horizon.accounts a"
    " join horizon.signers s on s.account_id = a.account_id where a.account_id = any(%s)"
)
SIGNERS_OF_BALANCE = PointQuery(
    "select b.balance_id as key, s.public_key, b.asset, a.asset_type from horizon.balances b"
    " join horizon.assets a on a.code = b.asset"
    " join horizon.signers s on s.account_id = b.account_id where b.balance_id = any(%s)"
)
SIGNERS_OF_TRANSACTION = PointQuery(
    "select t.transaction_hash as key, s.public_key from horizon.transactions t"
    " join horizon.signers s on s.account_id = t.source_account where t.transaction_hash = any(%s)"
)
SIGNERS_OF_ASSET_OWNER = PointQuery(
    "select a.code as key, s.public_key, a.code as asset, a.asset_type from horizon.assets a"
    " join horizon.signers s on s.account_id = a.owner where a.code = any(%s)"
)
SIGNERS_OF_REQUEST = PointQuery(
    "select r.request_id as key, s.public_key, r.kind, r.asset, a.asset_type"
    " from horizon.requests r left join horizon.assets a on a.code = r.asset"
    " join horizon.signers s on s.account_id = r.requestor where r.request_id = any(%s)"
)

# Filters that narrow a collection to data of one owner, and that owner's signers.
SIGNERS_OF_FILTER: dict[str, PointQuery] = {
    "filter[account]": SIGNERS_OF_ACCOUNT,
    "filter[balance]": SIGNERS_OF_BALANCE,
    "filter[transaction]": SIGNERS_OF_TRANSACTION,
    "filter[requestor]": SIGNERS_OF_ACCOUNT,
}


Require = Callable[[Mapping[str, Any]], Requirement]


def make_owner_guard(signers: PointQuery, word: str, require: Require, name: str = "id") -> Guard:
    """Of a route whose path has the parameter `name`. `signers`: the owner's, by it, in rows that
    also say what `require` asks for: what a signer who is not the owner must be allowed to read."""

    async def guard_owner(call: Call) -> None:
        horizon: Horizon = call.service
        snapshot = await horizon.database.get_points((signers, call.path[name]))
        if _has_signed(call, snapshot):
            return
        given = snapshot.rows[0][0]._asdict() if snapshot.rows[0] else None
        if given is None or not await may_read(horizon, call.signer, require(_as_numbers(given))):
            raise make_not_found(word, snapshot)

    return guard_owner


def make_collection_guard(collection: Collection, require: Require) -> Guard:
    """The owner is the one that a filter names (a cursor carries its filters)."""

    async def guard_collection(call: Call) -> None:
        horizon: Horizon = call.service
        filters = read_page(call, collection.position).filters
        owners = [(SIGNERS_OF_FILTER[n], filters[n]) for n in filters if n in SIGNERS_OF_FILTER]
        if owners and _has_signed(call, await horizon.database.get_points(*owners)):
            return
        given = {name.removeprefix("filter[").rstrip("]"): filters[name] for name in filters}
        if not await may_read(horizon, call.signer, require(given)):
            known = ", ".join(filter(None, map(_get_owner_filter, collection.filters)))
            detail = f"without {known} of an account of the signer, its roles must allow this read"
            raise Problem(FORBIDDEN, detail)

    return guard_collection


def _has_signed(call: Call, snapshot: Snapshot) -> bool:
    return any(row.public_key == call.signer for rows in snapshot.rows for row in rows)


def _as_numbers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Numerics of PostgreSQL as int."""
    return {name: int(v) if isinstance(v, Decimal) else v for name, v in given.items()}


def _get_owner_filter(each: Filter) -> str | None:
    name = each.parameter.name
    return name if name in SIGNERS_OF_FILTER else None


def make_not_found(word: str, snapshot: Snapshot) -> Problem:
    """The same problem whether it does not exist or belongs to somebody else."""
    detail = f"ledger {snapshot.sequence} has no such {word}, or it belongs to somebody else"
    return Problem(NOT_FOUND, detail, headers={LATEST_LEDGER: str(snapshot.sequence)})

"""Authorization: private data is returned only for requests signed by its owner or the master.

A guard passes a call that is signed by a signer of the owner's account, or of the master account.
For everybody else, what belongs to somebody answers like what does not exist, so that asking
reveals nothing. The facts come from the views: a signer that a ledger removed reads nothing after.
"""

from typing import Any

from gateways.horizon.database import PointQuery, Snapshot
from gateways.horizon.responses import LATEST_LEDGER
from gateways.horizon.service import Horizon
from gateways.http.keyset import Collection, Filter
from gateways.http.paging import read_page
from gateways.http.problems import FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import Call, Guard

SIGNERS_OF_ACCOUNT = PointQuery(
    "select account_id as key, public_key from horizon.signers where account_id = any(%s)"
)
SIGNERS_OF_BALANCE = PointQuery(
    "select b.balance_id as key, s.public_key from horizon.balances b"
    " join horizon.signers s on s.account_id = b.account_id where b.balance_id = any(%s)"
)
SIGNERS_OF_TRANSACTION = PointQuery(
    "select t.transaction_hash as key, s.public_key from horizon.transactions t"
    " join horizon.signers s on s.account_id = t.source_account where t.transaction_hash = any(%s)"
)

# Filters that narrow a collection to data of one owner, and that owner's signers.
SIGNERS_OF_FILTER: dict[str, PointQuery] = {
    "filter[account]": SIGNERS_OF_ACCOUNT,
    "filter[balance]": SIGNERS_OF_BALANCE,
    "filter[transaction]": SIGNERS_OF_TRANSACTION,
}


def make_owner_guard(signers: PointQuery, word: str) -> Guard:
    """Of a route whose path has an `id`. `signers`: the owner's, by that id."""

    async def guard_owner(call: Call) -> None:
        is_allowed, snapshot = await _is_signer(call, [(signers, call.path["id"])])
        if not is_allowed:
            raise make_not_found(word, snapshot)

    return guard_owner


def make_collection_guard(collection: Collection) -> Guard:
    """The owner is the one that a filter names (a cursor carries its filters); else the master."""

    async def guard_collection(call: Call) -> None:
        filters = read_page(call, collection.position).filters
        owners = [(SIGNERS_OF_FILTER[n], filters[n]) for n in filters if n in SIGNERS_OF_FILTER]
        is_allowed, _ = await _is_signer(call, owners)
        if not is_allowed:
            known = ", ".join(filter(None, map(_get_owner_filter, collection.filters)))
            detail = f"without {known} of an account of the signer, only the master may read this"
            raise Problem(FORBIDDEN, detail)

    return guard_collection


def _get_owner_filter(each: Filter) -> str | None:
    name = each.parameter.name
    return name if name in SIGNERS_OF_FILTER else None


async def _is_signer(call: Call, owners: list[tuple[PointQuery, Any]]) -> tuple[bool, Snapshot]:
    horizon: Horizon = call.service
    wanted = [(SIGNERS_OF_ACCOUNT, horizon.master), *owners]
    snapshot = await horizon.database.get_points(*wanted)
    is_allowed = any(row.public_key == call.signer for rows in snapshot.rows for row in rows)
    return is_allowed, snapshot


def make_not_found(word: str, snapshot: Snapshot) -> Problem:
    """The same problem whether it does not exist or belongs to somebody else."""
    detail = f"ledger {snapshot.sequence} has no such {word}, or it belongs to somebody else"
    return Problem(NOT_FOUND, detail, headers={LATEST_LEDGER: str(snapshot.sequence)})

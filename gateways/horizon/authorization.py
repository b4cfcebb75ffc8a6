"""Who may read what: whose data a route shows decides, and the master may read all.

A guard lets a call pass whose signer is a signer of the owner's account or of the master's. What is
another's answers like what is not there, so that nobody finds out by asking. Facts come from the
views: a signer that a ledger took away reads nothing after it.
"""

from typing import Any

from gateways.horizon import queries
from gateways.horizon.database import PageQuery, PointQuery
from gateways.horizon.queries import Collection
from gateways.horizon.service import Horizon
from gateways.http.paging import read_page
from gateways.http.problems import FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import Call, Guard

# Filters after which a page shows one owner's data only.
OWNER_FILTERS: dict[str, PointQuery] = {
    "filter[account]": queries.SIGNERS_OF_ACCOUNT,
    "filter[balance]": queries.SIGNERS_OF_BALANCE,
    "filter[transaction]": queries.SIGNERS_OF_TRANSACTION,
}


async def guard_account(call: Call) -> None:
    await _guard_one(call, "account", queries.SIGNERS_OF_ACCOUNT)


async def guard_balance(call: Call) -> None:
    await _guard_one(call, "balance", queries.SIGNERS_OF_BALANCE)


async def guard_operation(call: Call) -> None:
    """Everybody whose history it belongs to may read it."""
    horizon: Horizon = call.service
    snapshot = await horizon.database.get_pages(
        PageQuery(queries.SIGNERS_OF_OPERATION, (call.signer, call.path["id"], horizon.master))
    )
    if not snapshot.rows[0]:
        raise make_not_found("operation", snapshot)


def make_collection_guard(collection: Collection) -> Guard:
    """The owner is the one whom a filter names (a cursor carries its filter); else the master."""

    async def guard_collection(call: Call) -> None:
        filters = read_page(call, collection.position).filters
        owners = [(OWNER_FILTERS[name], filters[name]) for name in filters if name in OWNER_FILTERS]
        is_allowed, _ = await _is_signer(call, owners)
        if not is_allowed:
            known = ", ".join(name for name in OWNER_FILTERS if name in collection.filters)
            detail = f"without {known} of an account of the signer's this is for the master only"
            raise Problem(FORBIDDEN, detail)

    return guard_collection


async def _guard_one(call: Call, word: str, signers: PointQuery) -> None:
    is_allowed, snapshot = await _is_signer(call, [(signers, call.path["id"])])
    if not is_allowed:
        raise make_not_found(word, snapshot)


async def _is_signer(call: Call, owners: list[tuple[PointQuery, Any]]) -> tuple[bool, Any]:
    horizon: Horizon = call.service
    wanted = [(queries.SIGNERS_OF_ACCOUNT, horizon.master), *owners]
    snapshot = await horizon.database.get_points(*wanted)
    is_allowed = any(row.public_key == call.signer for rows in snapshot.rows for row in rows)
    return is_allowed, snapshot


def make_not_found(word: str, snapshot: Any) -> Problem:
    """The same words whether it is not there or another's."""
    detail = f"there is no such {word} in ledger {snapshot.sequence}, or it is another's"
    return Problem(NOT_FOUND, detail, headers={"Latest-Ledger": str(snapshot.sequence)})

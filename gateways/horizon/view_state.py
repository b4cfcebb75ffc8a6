"""Parts of the ledger's state, read from the views, so that the ledger's own rules can be asked."""

from collections.abc import Iterable
from decimal import Decimal

from gateways.horizon.database import PointQuery, Snapshot
from gateways.horizon.service import Horizon
from processors.ledger_feed.flat import make_flat_table
from schemas.generated.common import AccountID
from schemas.generated.entries import Account
from schemas.generated.keys import KeyBytes
from streams.ledger.state import LedgerState

ENTRY = PointQuery("select key, entry from horizon.entries where key = any(%s)")
ACCOUNTS = make_flat_table("account", "accounts")
ACCOUNT = PointQuery(
    f"select account_id as key, {', '.join(ACCOUNTS.columns)} from horizon.accounts"  # noqa: S608
    " where account_id = any(%s)"
)


async def read_account(horizon: Horizon, account_id: AccountID) -> tuple[Account | None, Snapshot]:
    """None where there is none."""
    snapshot = await horizon.database.get_points((ACCOUNT, account_id))
    if not snapshot.rows[0]:
        return None, snapshot
    values = [int(v) if isinstance(v, Decimal) else v for v in snapshot.rows[0][0][1:]]
    account: Account = ACCOUNTS.get_entry(tuple(values))
    return account, snapshot


async def read_state(horizon: Horizon, keys: Iterable[KeyBytes]) -> tuple[LedgerState, Snapshot]:
    """Knows the entries under `keys` that the views keep as bytes, and no others."""
    snapshot = await horizon.database.get_points(*((ENTRY, key) for key in keys))
    found = {row.key: row.entry for rows in snapshot.rows for row in rows}
    return LedgerState(found), snapshot

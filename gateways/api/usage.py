"""What accounts store, counted exactly: space is taken in the commit that uses it."""

from gateways.api.problems import QUOTA_EXCEEDED
from gateways.api.settings import QuotaSettings
from gateways.http.problems import Problem
from gateways.http.store import Transaction

TAKE = """
insert into api.usage as u values (%(account)s, 1, %(bytes)s)
on conflict (account_id) do update set blobs = u.blobs + 1, bytes = u.bytes + %(bytes)s
where u.blobs < %(blobs_max)s and u.bytes + %(bytes)s <= %(bytes_max)s
returning 1"""
GIVE = "update api.usage set blobs = blobs - 1, bytes = bytes - %s where account_id = %s"


async def take(
    transaction: Transaction, account_id: bytes, length: int, quotas: QuotaSettings
) -> None:
    """Room for one blob. Raises Problem."""
    values = {
        "account": account_id,
        "bytes": length,
        "blobs_max": quotas.blobs,
        "bytes_max": quotas.bytes,
    }
    if length > quotas.bytes or not await transaction.execute(TAKE, values):
        detail = f"an account stores at most {quotas.blobs} blobs and {quotas.bytes} bytes"
        raise Problem(QUOTA_EXCEEDED, detail)


async def give_back(transaction: Transaction, account_id: bytes, length: int) -> None:
    await transaction.execute(GIVE, (length, account_id))

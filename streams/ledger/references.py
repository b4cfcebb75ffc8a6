"""References: idempotency that lives in the ledger. Unique per sender, in use or reserved."""

from schemas.generated.common import AccountID
from schemas.generated.transactions import TransactionReference
from streams.ledger.state import LedgerDelta


def get_first_use(
    delta: LedgerDelta, account_id: AccountID, reference: str
) -> TransactionReference | None:
    """The transaction that used `reference` first, also if its request is still pending."""
    used = delta.get_reference(account_id, reference)
    if used is not None:
        return used.first
    reserved = delta.get_request_reference(account_id, reference)
    return None if reserved is None else reserved.first

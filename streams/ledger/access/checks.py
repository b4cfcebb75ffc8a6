"""Whether the role of an account, or of a signer, allows something."""

from schemas.generated.common import AccountID
from streams.ledger.access.requirements import Requirement
from streams.ledger.context import TransactionContext
from streams.ledger.state import LedgerState


def is_account_allowed(
    state: LedgerState,
    account_id: AccountID,
    requirement: Requirement,
    context: TransactionContext,
) -> bool:
    """Also of the counterparty of an operation. False where there is no such account."""
    account = state.get_account(account_id)
    if account is None:
        return False
    rules = state.access_rules.get_account_role(state, account.role_id)
    return rules.is_allowed(requirement, context.ledger.close_time_ms)

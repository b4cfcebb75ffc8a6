"""What an account may do: the literal permissions of its role."""

from schemas.generated.common import AccountID, Permission
from streams.ledger.state import LedgerState
from streams.ledger.values import has_permission


def is_account_allowed(state: LedgerState, account_id: AccountID, permission: Permission) -> bool:
    account = state.get_account(account_id)
    if account is None:
        return False
    return has_permission(state.get_account_role(account.role_id), permission)

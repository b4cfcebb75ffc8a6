"""ManageAccountRole: what the accounts of a role may do."""

from msgspec.structs import replace

from schemas.generated.common import AccessKind, AccountID, Action
from schemas.generated.entries import AccountRole
from schemas.generated.operations import (
    CreateAccountRole,
    ManageAccountRole,
    ManageAccountRoleCode,
    ManageAccountRoleResult,
    RemoveAccountRole,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access import roles
from streams.ledger.access.requirements import Requirements, require_account_role
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

LAYER = roles.RoleLayer(AccessKind.ACCOUNT_ROLE, AccessKind.ACCOUNT_RULE, ManageAccountRoleCode)
OUTPUT_BYTES = (
    roles.ROLE_BYTES
    + compute_change_bytes(AccountRole)
    + EFFECT_BYTES
    + compute_result_bytes(ManageAccountRoleResult)
)


def validate(op: ManageAccountRole) -> ManageAccountRoleCode | None:
    """Checks that hold whatever the ledger says."""
    if isinstance(op.action, RemoveAccountRole):
        return None
    code: ManageAccountRoleCode | None = roles.validate_role(op.action, ManageAccountRoleCode)
    return code


def get_requirements(
    op: ManageAccountRole,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Creating, changing or removing the role."""
    if isinstance(op.action, CreateAccountRole):
        return (require_account_role(Action.CREATE, None),)
    is_removal = isinstance(op.action, RemoveAccountRole)
    action = Action.REMOVE if is_removal else Action.UPDATE
    return (require_account_role(action, op.action.role_id),)


def apply(
    op: ManageAccountRole,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Creates, replaces or removes the role (TokenD 1.2)."""
    action = op.action
    if isinstance(action, CreateAccountRole):
        code = roles.compute_content_refusal(delta, LAYER, None, action)
        if code is not None:
            return refused(code)
        counters = delta.get_access_counters()
        role_id = counters.account_role + 1
        delta.put(replace(counters, account_role=role_id))
        ids = tuple(sorted(action.rule_ids))
        content = (action.name, ids, action.details, action.ends_at_ms, action.is_read_only)
        pays = action.pays_for_operations
        roles.apply_role(delta, LAYER, None, AccountRole(role_id, *content, pays))
        add_participant(delta, source)
        return succeeded(ManageAccountRoleResult(role_id))
    old = delta.get_account_role(action.role_id)
    if old is None:
        return refused(ManageAccountRoleCode.NOT_FOUND)
    if old.is_read_only:
        return refused(ManageAccountRoleCode.READ_ONLY)
    new = None
    if isinstance(action, RemoveAccountRole):
        code = roles.compute_removal_refusal(delta, LAYER, old.role_id)
    else:
        code = roles.compute_content_refusal(delta, LAYER, old.role_id, action)
        ids = tuple(sorted(action.rule_ids))
        new = AccountRole(
            old.role_id,
            action.name,
            ids,
            action.details,
            action.ends_at_ms,
            is_read_only=False,
            pays_for_operations=action.pays_for_operations,
        )
    if code is not None:
        return refused(code)
    roles.apply_role(delta, LAYER, old, new)
    add_participant(delta, source)
    return succeeded(ManageAccountRoleResult(old.role_id))


def compute_output_bytes(op: ManageAccountRole, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + roles.compute_use_bytes(op.action)

"""ManageSignerRole: what the signers of a role may sign."""

from msgspec.structs import replace

from schemas.generated.common import AccessKind, AccountID, Action
from schemas.generated.entries import SignerRole
from schemas.generated.operations import (
    CreateSignerRole,
    ManageSignerRole,
    ManageSignerRoleCode,
    ManageSignerRoleResult,
    RemoveSignerRole,
    UpdateSignerRole,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access import roles
from streams.ledger.access.requirements import Requirements, require_signer_role
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

LAYER = roles.RoleLayer(AccessKind.SIGNER_ROLE, AccessKind.SIGNER_RULE, ManageSignerRoleCode)
OUTPUT_BYTES = (
    roles.ROLE_BYTES
    + compute_change_bytes(SignerRole)
    + EFFECT_BYTES
    + compute_result_bytes(ManageSignerRoleResult)
)


def validate(op: ManageSignerRole) -> ManageSignerRoleCode | None:
    """Checks that hold whatever the ledger says."""
    if isinstance(op.action, RemoveSignerRole):
        return None
    code: ManageSignerRoleCode | None = roles.validate_role(op.action, ManageSignerRoleCode)
    return code


def get_requirements(
    op: ManageSignerRole,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Creating, changing or removing the role."""
    if isinstance(op.action, CreateSignerRole):
        return (require_signer_role(Action.CREATE, None),)
    is_removal = isinstance(op.action, RemoveSignerRole)
    action = Action.REMOVE if is_removal else Action.UPDATE
    return (require_signer_role(action, op.action.role_id),)


def apply(
    op: ManageSignerRole, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates, replaces or removes the role (TokenD 1.2)."""
    action = op.action
    if isinstance(action, CreateSignerRole):
        code = _compute_content_refusal(delta, None, action)
        if code is not None:
            return refused(code)
        counters = delta.get_access_counters()
        role_id = counters.signer_role + 1
        delta.put(replace(counters, signer_role=role_id))
        ids = tuple(sorted(action.rule_ids))
        content = (ids, action.details, action.ends_at_ms, action.is_read_only)
        role = SignerRole(role_id, action.name, source, *content)
        roles.apply_role(delta, LAYER, None, role)
        add_participant(delta, source)
        return succeeded(ManageSignerRoleResult(role_id))
    old = delta.get_signer_role(action.role_id)
    if old is None:
        return refused(ManageSignerRoleCode.NOT_FOUND)
    if old.is_read_only:
        return refused(ManageSignerRoleCode.READ_ONLY)
    if source not in (old.owner, context.ledger.settings.master_account):
        return refused(ManageSignerRoleCode.NOT_AUTHORIZED)
    new = None
    if isinstance(action, RemoveSignerRole):
        code = roles.compute_removal_refusal(delta, LAYER, old.role_id)
    else:
        code = _compute_content_refusal(delta, old.role_id, action)
        ids = tuple(sorted(action.rule_ids))
        content = (ids, action.details, action.ends_at_ms, False)
        new = SignerRole(old.role_id, action.name, old.owner, *content)
    if code is not None:
        return refused(code)
    roles.apply_role(delta, LAYER, old, new)
    add_participant(delta, source)
    return succeeded(ManageSignerRoleResult(old.role_id))


def _compute_content_refusal(
    delta: LedgerDelta, role_id: int | None, action: CreateSignerRole | UpdateSignerRole
) -> ManageSignerRoleCode | None:
    if set(action.rule_ids) & set(delta.get_default_signer_rules().rule_ids):
        return ManageSignerRoleCode.DEFAULT_RULE_DUPLICATION
    code: ManageSignerRoleCode | None = roles.compute_content_refusal(delta, LAYER, role_id, action)
    return code


def compute_output_bytes(op: ManageSignerRole, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + roles.compute_use_bytes(op.action)

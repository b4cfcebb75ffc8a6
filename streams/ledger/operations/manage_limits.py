"""ManageLimits: one limit of an account, of a role or of all."""

from schemas.generated.bounds import LIMITS_LIMITS_ITEMS_MAX
from schemas.generated.common import AccountID, Action, Limit
from schemas.generated.entries import Limits
from schemas.generated.keys import limits_key
from schemas.generated.operations import (
    ManageLimits,
    ManageLimitsCode,
    ManageLimitsResult,
    PutLimit,
    RemoveLimit,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_limits
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.limits import is_ascending
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Limits) + EFFECT_BYTES + compute_result_bytes(ManageLimitsResult)
)


def validate(op: ManageLimits) -> ManageLimitsCode | None:
    """Checks that hold whatever the ledger says."""
    if op.account_id is not None and op.role_id is not None:
        return ManageLimitsCode.ACCOUNT_AND_ROLE_GIVEN
    if isinstance(op.action, PutLimit) and not is_ascending(op.action.limit.amounts):
        return ManageLimitsCode.INVALID_LIMITS
    return None


def get_requirements(
    op: ManageLimits,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Changing limits in the asset."""
    asset = state.get_asset(_get_named(op).asset)
    return None if asset is None else (require_limits(Action.UPDATE, asset.code, asset.asset_type),)


def apply(
    op: ManageLimits,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Puts or removes one limit; an entry without limits is removed (TokenD 2.1)."""
    if op.account_id is not None and delta.get_account(op.account_id) is None:
        return refused(ManageLimitsCode.ACCOUNT_NOT_FOUND)
    if op.role_id is not None and delta.get_account_role(op.role_id) is None:
        return refused(ManageLimitsCode.ROLE_NOT_FOUND)
    entry = delta.get_limits(op.account_id, op.role_id)
    limits = () if entry is None else entry.limits
    if isinstance(op.action, PutLimit):
        changed = compute_limits_with(limits, op.action.limit)
    else:
        changed = _compute_limits_without(limits, op.action)
    if isinstance(changed, ManageLimitsCode):
        return refused(changed)
    apply_limits(delta, Limits(op.account_id, op.role_id, changed))
    add_participant(delta, source)
    return succeeded(ManageLimitsResult())


def compute_output_bytes(op: ManageLimits, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def compute_limits_with(
    limits: tuple[Limit, ...], limit: Limit
) -> tuple[Limit, ...] | ManageLimitsCode:
    """With `limit` in the place of the one of the same name."""
    others = tuple(each for each in limits if _get_name(each) != _get_name(limit))
    if limit.is_convert_needed and any(
        each.is_convert_needed and each.kind is limit.kind for each in others
    ):
        return ManageLimitsCode.CONVERTING_LIMIT_EXISTS
    if len(others) == LIMITS_LIMITS_ITEMS_MAX:
        return ManageLimitsCode.TOO_MANY_LIMITS
    return tuple(sorted((*others, limit), key=_get_name))


def apply_limits(delta: LedgerDelta, limits: Limits) -> None:
    """Keeps the entry unless it is empty."""
    if limits.limits:
        delta.put(limits)
    else:
        delta.remove(limits_key(limits.account_id, limits.role_id))


def _compute_limits_without(
    limits: tuple[Limit, ...], action: RemoveLimit
) -> tuple[Limit, ...] | ManageLimitsCode:
    left = tuple(each for each in limits if _get_name(each) != _get_name(action))
    return ManageLimitsCode.NOT_FOUND if len(left) == len(limits) else left


def _get_named(op: ManageLimits) -> Limit | RemoveLimit:
    return op.action.limit if isinstance(op.action, PutLimit) else op.action


def _get_name(limit: Limit | RemoveLimit) -> tuple[int, str, bool]:
    return limit.kind.value, limit.asset, limit.is_convert_needed

"""ManageApprovalPolicy: what requests of a kind need beside their tasks."""

from collections.abc import Sequence
from itertools import pairwise

from schemas.contract import REQUESTS
from schemas.generated.common import AccountID, Action, ApprovalRange
from schemas.generated.entries import ApprovalPolicy
from schemas.generated.keys import approval_policy_key
from schemas.generated.operations import (
    ManageApprovalPolicy,
    ManageApprovalPolicyCode,
    ManageApprovalPolicyResult,
    PutApprovalPolicy,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_approval_policy
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AMOUNT_MAX

OUTPUT_BYTES = (
    compute_change_bytes(ApprovalPolicy)
    + EFFECT_BYTES
    + compute_result_bytes(ManageApprovalPolicyResult)
)
KINDS = frozenset(row.stem for row in REQUESTS)


def validate(op: ManageApprovalPolicy) -> ManageApprovalPolicyCode | None:
    """Checks that hold whatever the ledger says."""
    if op.kind not in KINDS:
        return ManageApprovalPolicyCode.INVALID_KIND
    if isinstance(op.action, PutApprovalPolicy) and not _are_valid(op.action.ranges, op.asset):
        return ManageApprovalPolicyCode.INVALID_RANGES
    return None


def get_requirements(
    op: ManageApprovalPolicy,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Changing policies of the kind."""
    is_put = isinstance(op.action, PutApprovalPolicy)
    return (require_approval_policy(Action.UPDATE if is_put else Action.REMOVE, op.kind),)


def apply(
    op: ManageApprovalPolicy,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Puts or removes one policy. It also applies to requests that stand."""
    if isinstance(op.action, PutApprovalPolicy):
        if op.asset and delta.get_asset(op.asset) is None:
            return refused(ManageApprovalPolicyCode.ASSET_NOT_FOUND)
        delta.put(ApprovalPolicy(op.kind, op.asset, op.action.ranges))
    elif delta.get_approval_policy(op.kind, op.asset) is None:
        return refused(ManageApprovalPolicyCode.NOT_FOUND)
    else:
        delta.remove(approval_policy_key(op.kind, op.asset))
    add_participant(delta, source)
    return succeeded(ManageApprovalPolicyResult())


def compute_output_bytes(op: ManageApprovalPolicy, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _are_valid(ranges: Sequence[ApprovalRange], asset: str) -> bool:
    """Amounts of different assets cannot be compared, so a policy for all assets has no bounds."""
    bounds = [_get_bounds(each) for each in ranges]
    if not asset and bounds != [(0, AMOUNT_MAX)]:
        return False
    are_ordered = all(one[1] < other[0] for one, other in pairwise(bounds))
    return bool(bounds) and are_ordered and all(lower <= upper for lower, upper in bounds)


def _get_bounds(each: ApprovalRange) -> tuple[int, int]:
    return each.lower or 0, AMOUNT_MAX if each.upper is None else each.upper

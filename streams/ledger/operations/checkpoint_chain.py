"""CheckpointChain: how far the services have worked off a chain."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import ChainCheckpoint
from schemas.generated.ledger import CheckpointChange, EffectKind
from schemas.generated.operations import (
    AdvanceCheckpoint,
    CheckpointChain,
    CheckpointChainCode,
    CheckpointChainResult,
    ResumeChain,
    StepBackCheckpoint,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_chain
from streams.ledger.border.chains import is_chain_id
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(ChainCheckpoint)
    + EFFECT_BYTES
    + compute_result_bytes(CheckpointChainResult)
)
ACTIONS = {
    AdvanceCheckpoint: Action.UPDATE,
    StepBackCheckpoint: Action.HALT,
    ResumeChain: Action.LIFT_HALT,
}


def validate(op: CheckpointChain) -> CheckpointChainCode | None:
    """Checks that hold whatever the ledger says."""
    return None if is_chain_id(op.chain_id) else CheckpointChainCode.INVALID_CHAIN_ID


def get_requirements(
    op: CheckpointChain,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Going forward, halting and lifting the halt are three rights."""
    return (require_chain(ACTIONS[type(op.action)], op.chain_id),)


def apply(
    op: CheckpointChain, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Strictly forward, or back with a halt."""
    before = delta.get_chain_checkpoint(op.chain_id)
    after = _compute_checkpoint(op, before)
    if isinstance(after, CheckpointChainCode):
        return refused(after)
    if isinstance(op.action, ResumeChain) and not context.is_governed:
        return refused(CheckpointChainCode.GOVERNED_CHANGE_NEEDED)
    delta.put(after)
    detail = CheckpointChange(op.chain_id, after.height, after.evidence is not None)
    delta.add_effect(source, EffectKind.CHAIN_CHECKPOINTED, detail)
    return succeeded(CheckpointChainResult())


def _compute_checkpoint(
    op: CheckpointChain, before: ChainCheckpoint | None
) -> ChainCheckpoint | CheckpointChainCode:
    action = op.action
    is_halted = before is not None and before.evidence is not None
    if isinstance(action, ResumeChain):
        if before is None or not is_halted:
            return CheckpointChainCode.NOT_HALTED
        return ChainCheckpoint(op.chain_id, before.height, before.block_hash, None)
    if is_halted and isinstance(action, AdvanceCheckpoint):
        return CheckpointChainCode.CHAIN_HALTED
    if isinstance(action, AdvanceCheckpoint):
        if before is not None and action.height <= before.height:
            return CheckpointChainCode.NOT_FORWARD
        return ChainCheckpoint(op.chain_id, action.height, action.block_hash, None)
    if before is None or action.height >= before.height:
        return CheckpointChainCode.NOT_BACK
    return ChainCheckpoint(op.chain_id, action.height, action.block_hash, action.evidence)


def compute_output_bytes(op: CheckpointChain, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

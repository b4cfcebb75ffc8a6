"""RemoveAssetPair: a pair that is no longer converted by."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import AssetPair
from schemas.generated.keys import asset_pair_key
from schemas.generated.operations import (
    RemoveAssetPair,
    RemoveAssetPairCode,
    RemoveAssetPairResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_asset_pair
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(AssetPair) + EFFECT_BYTES + compute_result_bytes(RemoveAssetPairResult)
)


def validate(op: RemoveAssetPair) -> RemoveAssetPairCode | None:  # noqa: ARG001 - a common form
    """Nothing can be wrong with it whatever the ledger says."""
    return None


def get_requirements(
    op: RemoveAssetPair,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements:
    """Removing the pair."""
    return (require_asset_pair(Action.REMOVE, op.base, op.quote),)


def apply(
    op: RemoveAssetPair,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Limits that need it to convert refuse from now on (TokenD operation 50)."""
    if delta.get_asset_pair(op.base, op.quote) is None:
        return refused(RemoveAssetPairCode.NOT_FOUND)
    delta.remove(asset_pair_key(op.base, op.quote))
    add_participant(delta, source)
    return succeeded(RemoveAssetPairResult())


def compute_output_bytes(op: RemoveAssetPair, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

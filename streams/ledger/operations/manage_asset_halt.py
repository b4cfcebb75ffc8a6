"""ManageAssetHalt: stopping issuances or withdrawals of an asset, and letting them go on."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import AssetHalt
from schemas.generated.keys import asset_halt_key
from schemas.generated.operations import (
    ManageAssetHalt,
    ManageAssetHaltCode,
    ManageAssetHaltResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_asset
from streams.ledger.context import TransactionContext
from streams.ledger.halts import add_halt_change
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(AssetHalt) + 2 * EFFECT_BYTES + compute_result_bytes(ManageAssetHaltResult)
)


def validate(op: ManageAssetHalt) -> ManageAssetHaltCode | None:
    """Checks that hold whatever the ledger says."""
    if op.issuance is None and op.withdrawal is None:
        return ManageAssetHaltCode.NOTHING_TO_CHANGE
    return None


def get_requirements(
    op: ManageAssetHalt,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Halting and lifting a halt are two rights."""
    asset = state.get_asset(op.asset)
    if asset is None:
        return None
    wanted = (op.issuance, op.withdrawal)
    actions = [
        each for flag, each in ((True, Action.HALT), (False, Action.LIFT_HALT)) if flag in wanted
    ]
    return tuple(require_asset(each, asset.code, asset.asset_type) for each in actions)


def apply(
    op: ManageAssetHalt, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Anybody permitted halts at once; a halt is lifted by a governed change alone."""
    if False in (op.issuance, op.withdrawal) and not context.is_governed:
        return refused(ManageAssetHaltCode.GOVERNED_CHANGE_NEEDED)
    before = delta.get_asset_halt(op.asset) or AssetHalt(op.asset, False, False)
    issuance = before.issuance if op.issuance is None else op.issuance
    withdrawal = before.withdrawal if op.withdrawal is None else op.withdrawal
    after = AssetHalt(op.asset, issuance, withdrawal)
    if issuance or withdrawal:
        delta.put(after)
    else:
        delta.remove(asset_halt_key(op.asset))
    add_halt_change(delta, source, after)
    asset = delta.get_asset(op.asset)
    if asset is not None and asset.owner != source:
        add_halt_change(delta, asset.owner, after)
    return succeeded(ManageAssetHaltResult())


def compute_output_bytes(op: ManageAssetHalt, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

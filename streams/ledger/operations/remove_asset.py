"""RemoveAsset: the end of an asset that nobody holds."""

from msgspec.structs import replace

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import Asset, AssetState, BaseAssets
from schemas.generated.operations import RemoveAsset, RemoveAssetCode, RemoveAssetResult
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_asset
from streams.ledger.assets import get_active_asset, set_base_asset
from streams.ledger.balances import add_participant, get_supply
from streams.ledger.context import TransactionContext
from streams.ledger.operation_fees import get_operation_fee_asset
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

OUTPUT_BYTES = (
    compute_change_bytes(Asset)
    + compute_change_bytes(BaseAssets)
    + EFFECT_BYTES
    + compute_result_bytes(RemoveAssetResult)
)


def validate(op: RemoveAsset) -> RemoveAssetCode | None:
    """Checks that hold whatever the ledger says: there are none."""
    del op
    return None


def get_requirements(
    op: RemoveAsset,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Removing the asset."""
    asset = state.get_asset(op.code)
    if asset is None:
        return None
    return (require_asset(Action.REMOVE, asset.code, asset.asset_type),)


def apply(
    op: RemoveAsset,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Marks the asset as removed: its code is never given out again (TokenD 1.2)."""
    asset = get_active_asset(delta, op.code)
    if asset is None:
        return refused(RemoveAssetCode.ASSET_REMOVED)
    if asset.owner != source:
        return refused(RemoveAssetCode.NOT_AUTHORIZED)
    supply = get_supply(delta, op.code)
    if supply.issued or supply.pending_issuance:
        return refused(RemoveAssetCode.HAS_HOLDERS)
    if get_operation_fee_asset(delta) == op.code:
        return refused(RemoveAssetCode.PAYS_FOR_OPERATIONS)
    set_base_asset(delta, op.code, is_base=False)
    delta.put(replace(asset, state=AssetState.REMOVED))
    add_participant(delta, source)
    return succeeded(RemoveAssetResult())


def compute_output_bytes(op: RemoveAsset, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

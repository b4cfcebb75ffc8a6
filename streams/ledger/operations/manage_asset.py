"""ManageAsset: asking for a new asset."""

from schemas.generated.common import AccountID, Amount
from schemas.generated.ledger import Asset, BaseAssets, CreateAssetRequest
from schemas.generated.operations import (
    CreateAsset,
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.requests import apply_next_request_id, apply_pending_request, get_tasks
from streams.ledger.state import LedgerDelta
from streams.ledger.values import KNOWN_POLICIES, AssetPolicy, is_asset_code, is_details

OUTPUT_BYTES = 3_500  # base assets before and after, counters, request or asset
MAX_BASE_ASSETS = 64


def validate(op: ManageAsset) -> ManageAssetCode | None:
    """Checks that hold whatever the ledger says."""
    asset = op.action
    if not is_asset_code(asset.code):
        return ManageAssetCode.INVALID_CODE
    if asset.max_issuance_amount == 0:
        return ManageAssetCode.INVALID_MAX_ISSUANCE_AMOUNT
    if asset.initial_preissued_amount > asset.max_issuance_amount:
        return ManageAssetCode.INITIAL_PREISSUED_EXCEEDS_MAX_ISSUANCE
    if asset.policies & ~KNOWN_POLICIES:
        return ManageAssetCode.INVALID_POLICIES
    if not is_details(asset.creator_details):
        return ManageAssetCode.INVALID_CREATOR_DETAILS
    return None


def apply(
    op: ManageAsset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates the asset at once when its tasks are 0, otherwise a request for it (TokenD 1.2)."""
    asset = op.action
    if op.request_id != 0:
        return refused(_compute_replacement_refusal(op, source, delta))
    if delta.get_asset(asset.code) is not None:
        return refused(ManageAssetCode.ASSET_ALREADY_EXISTS)
    if delta.get_request_reference(None, asset.code) is not None:
        return refused(ManageAssetCode.REQUEST_ALREADY_EXISTS)
    tasks = get_tasks(delta, asset.all_tasks, "asset_create_tasks")
    if tasks is None:
        return refused(ManageAssetCode.ASSET_CREATE_TASKS_NOT_FOUND)
    is_base = bool(asset.policies & AssetPolicy.BASE_ASSET)
    base_assets = delta.get_base_assets().codes
    if is_base and len(base_assets) == MAX_BASE_ASSETS:
        return refused(ManageAssetCode.TOO_MANY_BASE_ASSETS)
    request_id = apply_next_request_id(delta)
    add_participant(delta, source)
    if tasks != 0:
        body = CreateAssetRequest(asset)
        apply_pending_request(
            delta, context, request_id, source, body, tasks, reserved=(None, asset.code)
        )
        return succeeded(ManageAssetResult(request_id, fulfilled=False))
    delta.put(_get_new_asset(asset, source))
    if is_base:
        delta.put(BaseAssets(tuple(sorted((*base_assets, asset.code)))))
    return succeeded(ManageAssetResult(request_id, fulfilled=True))


def compute_output_bytes(op: ManageAsset) -> int:
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.action.creator_details)


def _compute_replacement_refusal(
    op: ManageAsset, source: AccountID, delta: LedgerDelta
) -> ManageAssetCode:
    """Only rejected requests can be replaced, and reviewing is not among the operations yet."""
    request = delta.get_request(op.request_id)
    if request is None or request.requestor != source:
        return ManageAssetCode.REQUEST_NOT_FOUND
    if not isinstance(request.body, CreateAssetRequest):
        return ManageAssetCode.REQUEST_NOT_FOUND
    return ManageAssetCode.REQUEST_IS_PENDING


def _get_new_asset(asset: CreateAsset, owner: AccountID) -> Asset:
    return Asset(
        code=asset.code,
        owner=owner,
        preissued_asset_signer=asset.preissued_asset_signer,
        details=asset.creator_details,
        max_issuance_amount=asset.max_issuance_amount,
        available_for_issuance=asset.initial_preissued_amount,
        issued=Amount(0),
        pending_issuance=Amount(0),
        policies=asset.policies,
        asset_type=asset.asset_type,
        trailing_digits=asset.trailing_digits,
    )

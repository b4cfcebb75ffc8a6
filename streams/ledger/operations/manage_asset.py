"""ManageAsset: asking for a new asset."""

from schemas.generated.bounds import BASE_ASSETS_CODES_ITEMS_MAX
from schemas.generated.common import AccountID, Permission
from schemas.generated.entries import (
    Asset,
    AssetReservation,
    AssetSupply,
    BaseAssets,
    Counters,
    ReviewableRequest,
)
from schemas.generated.operations import (
    ManageAsset,
    ManageAssetCode,
    ManageAssetResult,
)
from schemas.generated.requests import CreateAssetRequest
from schemas.generated.transactions import OperationResult
from schemas.json_text import is_json_text
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.requests import create_asset
from streams.ledger.requests.pending import apply_next_request_id, get_tasks, make_request
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import KNOWN_POLICIES, AssetPolicy, is_asset_code

PERMISSION = Permission.CREATE_ASSET
OUTPUT_BYTES = (
    compute_change_bytes(Counters)
    + max(
        compute_change_bytes(ReviewableRequest, is_new=True)
        + compute_change_bytes(AssetReservation, is_new=True),
        compute_change_bytes(Asset, is_new=True)
        + compute_change_bytes(AssetSupply, is_new=True)
        + compute_change_bytes(BaseAssets),
    )
    + EFFECT_BYTES
    + compute_result_bytes(ManageAssetResult)
)


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
    if not is_json_text(asset.creator_details):
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
    if delta.get_asset_reservation(asset.code) is not None:
        return refused(ManageAssetCode.REQUEST_ALREADY_EXISTS)
    tasks = get_tasks(delta, asset.all_tasks, "asset_create_tasks")
    if tasks is None:
        return refused(ManageAssetCode.ASSET_CREATE_TASKS_NOT_FOUND)
    is_base = bool(asset.policies & AssetPolicy.BASE_ASSET)
    if is_base and len(delta.get_base_assets().codes) == BASE_ASSETS_CODES_ITEMS_MAX:
        return refused(ManageAssetCode.TOO_MANY_BASE_ASSETS)
    request_id = apply_next_request_id(delta)
    add_participant(delta, source)
    body = CreateAssetRequest(asset)
    if tasks == 0:
        create_asset.apply_fulfilment(delta, body, source)
    else:
        delta.put(make_request(delta, context, request_id, source, body, tasks))
        delta.put(AssetReservation(asset.code, request_id))
    return succeeded(ManageAssetResult(request_id, fulfilled=tasks == 0))


def compute_output_bytes(op: ManageAsset, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _compute_replacement_refusal(
    op: ManageAsset, source: AccountID, delta: LedgerDelta
) -> ManageAssetCode:
    """Only rejected requests can be replaced, and reviewing is not among the operations yet."""
    request = delta.get_reviewable_request(op.request_id)
    if request is None or request.requestor != source:
        return ManageAssetCode.REQUEST_NOT_FOUND
    if not isinstance(request.body, CreateAssetRequest):
        return ManageAssetCode.REQUEST_NOT_FOUND
    return ManageAssetCode.REQUEST_IS_PENDING

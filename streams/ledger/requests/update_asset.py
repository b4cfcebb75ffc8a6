"""A request to change an asset. While it stands, it reserves the asset's code."""

from msgspec.structs import replace

from schemas.generated.common import AccountID
from schemas.generated.entries import Asset, AssetReservation, BaseAssets, ReviewableRequest
from schemas.generated.keys import asset_reservation_key
from schemas.generated.operations import UpdateAsset
from schemas.generated.requests import UpdateAssetRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.assets import get_active_asset, set_base_asset
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

IS_EDITABLE = True
OUTPUT_BYTES = (
    compute_change_bytes(AssetReservation)
    + compute_change_bytes(Asset)
    + compute_change_bytes(BaseAssets)
)


def get_asset(body: UpdateAssetRequest, state: LedgerState) -> str:
    del state
    return body.asset.code


def compute_system_tasks(
    body: UpdateAssetRequest, requestor: AccountID, state: LedgerState, context: TransactionContext
) -> int:
    del body, requestor, state, context
    return 0


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Reserves the code: an asset has one pending update."""
    del context
    code = _get_asked(request).code
    if delta.get_asset_reservation(code) is not None:
        return FulfilmentCode.REQUEST_ALREADY_EXISTS
    delta.put(AssetReservation(code, request.request_id))
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Replaces the asset's policies and details."""
    del context
    asked = _get_asked(request)
    asset = get_active_asset(delta, asked.code)
    if asset is None:
        return FulfilmentCode.ASSET_REMOVED
    is_base = bool(asked.policies & AssetPolicy.BASE_ASSET)
    if not set_base_asset(delta, asked.code, is_base=is_base):
        return FulfilmentCode.TOO_MANY_BASE_ASSETS
    release(delta, request)
    delta.put(replace(asset, policies=asked.policies, details=asked.creator_details))
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Frees the code."""
    delta.remove(asset_reservation_key(_get_asked(request).code))


def compute_output_bytes(body: UpdateAssetRequest) -> int:
    del body
    return OUTPUT_BYTES


def _get_asked(request: ReviewableRequest) -> UpdateAsset:
    if not isinstance(request.body, UpdateAssetRequest):
        raise TypeError(f"the request {request.request_id} is of another kind")
    return request.body.asset

"""A request to change an asset. While it stands, it reserves the asset's code."""

from msgspec.structs import replace

from schemas.generated.entries import Asset, AssetReservation, BaseAssets, ReviewableRequest
from schemas.generated.keys import asset_reservation_key
from schemas.generated.requests import UpdateAssetRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.assets import get_active_asset, set_base_asset
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.requests.body import get_body
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


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Reserves the code: an asset has one pending update."""
    del context
    code = get_body(request, UpdateAssetRequest).asset.code
    if delta.get_asset_reservation(code) is not None:
        return FulfilmentCode.REQUEST_ALREADY_EXISTS
    delta.put(AssetReservation(code, request.request_id))
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Replaces the asset's policies and details."""
    del context
    asked = get_body(request, UpdateAssetRequest).asset
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
    delta.remove(asset_reservation_key(get_body(request, UpdateAssetRequest).asset.code))

"""A request for a new asset. While it stands, it reserves the asset's code."""

from schemas.generated.common import Amount
from schemas.generated.entries import (
    Asset,
    AssetReservation,
    AssetState,
    AssetSupply,
    BaseAssets,
    ReviewableRequest,
)
from schemas.generated.keys import asset_reservation_key
from schemas.generated.requests import CreateAssetRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.assets import set_base_asset
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

IS_EDITABLE = True
OUTPUT_BYTES = (
    compute_change_bytes(AssetReservation)
    + compute_change_bytes(Asset, is_new=True)
    + compute_change_bytes(AssetSupply, is_new=True)
    + compute_change_bytes(BaseAssets)
)


def get_asset(body: CreateAssetRequest, state: LedgerState) -> str:
    del state
    return body.asset.code


def get_asset_type(body: CreateAssetRequest) -> int:
    return body.asset.asset_type


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Reserves the code."""
    del context
    code = get_body(request, CreateAssetRequest).asset.code
    if delta.get_asset(code) is not None:
        return FulfilmentCode.ASSET_ALREADY_EXISTS
    if delta.get_asset_reservation(code) is not None:
        return FulfilmentCode.REQUEST_ALREADY_EXISTS
    delta.put(AssetReservation(code, request.request_id))
    return None


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Creates the asset."""
    del context
    asked = get_body(request, CreateAssetRequest).asset
    is_base = bool(asked.policies & AssetPolicy.BASE_ASSET)
    if not set_base_asset(delta, asked.code, is_base=is_base):
        return FulfilmentCode.TOO_MANY_BASE_ASSETS
    release(delta, request)
    delta.put(
        Asset(
            code=asked.code,
            owner=request.requestor,
            preissued_asset_signer=asked.preissued_asset_signer,
            details=asked.creator_details,
            max_issuance_amount=asked.max_issuance_amount,
            policies=asked.policies,
            asset_type=asked.asset_type,
            trailing_digits=asked.trailing_digits,
            signer_changes=0,
            state=AssetState.ACTIVE,
        )
    )
    delta.put(AssetSupply(asked.code, asked.initial_preissued_amount, Amount(0), Amount(0)))
    return None


def release(delta: LedgerDelta, request: ReviewableRequest) -> None:
    """Frees the code."""
    delta.remove(asset_reservation_key(get_body(request, CreateAssetRequest).asset.code))

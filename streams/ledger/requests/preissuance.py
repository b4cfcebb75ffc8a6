"""A request to make more of an asset issuable. It holds nothing while it stands."""

from schemas.generated.entries import AssetSupply, ReviewableRequest
from schemas.generated.requests import PreissuanceRequest
from schemas.generated.transactions import FulfilmentCode
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import apply_preissued, get_supply
from streams.ledger.context import TransactionContext
from streams.ledger.output import compute_change_bytes
from streams.ledger.requests.body import get_body
from streams.ledger.state import LedgerDelta, LedgerState

IS_EDITABLE = False
OUTPUT_BYTES = compute_change_bytes(AssetSupply)


def get_asset(body: PreissuanceRequest, state: LedgerState) -> str:
    del state
    return body.asset


def hold(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Nothing; but what could not be fulfilled now is not accepted."""
    del context
    return _compute_refusal(delta, get_body(request, PreissuanceRequest))


def fulfil(
    delta: LedgerDelta, request: ReviewableRequest, context: TransactionContext
) -> FulfilmentCode | None:
    """Makes the amount issuable, unless the key that signed was replaced meanwhile."""
    del context
    body = get_body(request, PreissuanceRequest)
    refusal = _compute_refusal(delta, body)
    if refusal is None:
        apply_preissued(delta, body.asset, body.amount)
    return refusal


def _compute_refusal(delta: LedgerDelta, body: PreissuanceRequest) -> FulfilmentCode | None:
    asset = get_active_asset(delta, body.asset)
    if asset is None:
        return FulfilmentCode.ASSET_REMOVED
    if asset.preissued_asset_signer != body.signer:
        return FulfilmentCode.PREISSUED_SIGNER_MISMATCHED
    supply = get_supply(delta, body.asset)
    if supply.issued + supply.available_for_issuance + body.amount > asset.max_issuance_amount:
        return FulfilmentCode.EXCEEDS_MAX_ISSUANCE_AMOUNT
    return None

"""A request for a new asset: what fulfilling it does."""

from schemas.generated.common import AccountID, Amount
from schemas.generated.entries import Asset, AssetSupply, BaseAssets
from schemas.generated.requests import CreateAssetRequest
from streams.ledger.state import LedgerDelta
from streams.ledger.values import AssetPolicy


def apply_fulfilment(delta: LedgerDelta, body: CreateAssetRequest, owner: AccountID) -> None:
    """Creates the asset; the caller has checked that the code is free."""
    given = body.asset
    delta.put(
        Asset(
            code=given.code,
            owner=owner,
            preissued_asset_signer=given.preissued_asset_signer,
            details=given.creator_details,
            max_issuance_amount=given.max_issuance_amount,
            policies=given.policies,
            asset_type=given.asset_type,
            trailing_digits=given.trailing_digits,
        )
    )
    delta.put(AssetSupply(given.code, given.initial_preissued_amount, Amount(0), Amount(0)))
    if given.policies & AssetPolicy.BASE_ASSET:
        codes = delta.get_base_assets().codes
        delta.put(BaseAssets(tuple(sorted((*codes, given.code)))))

"""Fulfilling a request for a new asset."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount
from schemas.generated.requests import CreateAssetRequest
from streams.ledger.invariants import check_everything
from streams.ledger.requests import create_asset
from streams.ledger.state import LedgerDelta
from streams.ledger.values import AssetPolicy
from tests.support import network as made
from tests.support.network import get_account, make_economy


@pytest.mark.parametrize("is_base", [False, True])
def test_the_asset_exists_with_its_supply(is_base: bool) -> None:
    network = make_economy()
    delta = LedgerDelta(network.ledger.state)
    policies = AssetPolicy.BASE_ASSET if is_base else AssetPolicy.TRANSFERABLE
    asked = replace(made.create_asset("USD").action, policies=int(policies))
    asked = replace(asked, initial_preissued_amount=Amount(7), creator_details=b"{}")
    create_asset.apply_fulfilment(delta, CreateAssetRequest(asked), get_account("issuer"))
    delta.commit()
    state = network.ledger.state
    asset, supply = state.get_asset("USD"), state.get_asset_supply("USD")
    assert asset is not None
    assert supply is not None
    assert (asset.owner, asset.details) == (get_account("issuer"), b"{}")
    assert (supply.available_for_issuance, supply.issued) == (7, 0)
    assert ("USD" in state.get_base_assets().codes) == is_base
    check_everything(state)

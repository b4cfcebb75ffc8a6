"""A request for a new asset: what it holds, what fulfilling and ending it do."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount
from schemas.generated.operations import ReviewAction
from streams.ledger.invariants import check_everything
from streams.ledger.values import AssetPolicy
from tests.support.network import create_asset, get_account, make_economy, review


@pytest.mark.parametrize("tasks", [0, 16])
@pytest.mark.parametrize("is_base", [False, True])
def test_the_asset_exists_with_its_supply(is_base: bool, tasks: int) -> None:
    network = make_economy()
    policies = AssetPolicy.BASE_ASSET if is_base else AssetPolicy.TRANSFERABLE
    asked = create_asset("USD", policies=int(policies), tasks=tasks)
    action = replace(asked.action, initial_preissued_amount=Amount(7), creator_details=b"{}")
    network.apply("issuer", replace(asked, action=action))
    if tasks:
        network.apply("master", review(network, 4))
    state = network.ledger.state
    asset, supply = state.get_asset("USD"), state.get_asset_supply("USD")
    assert asset is not None
    assert supply is not None
    assert (asset.owner, asset.details) == (get_account("issuer"), b"{}")
    assert (supply.available_for_issuance, supply.issued) == (7, 0)
    assert ("USD" in state.get_base_assets().codes) == is_base
    assert state.get_asset_reservation("USD") is None
    assert state.get_reviewable_request(4) is None
    check_everything(state)


def test_the_code_is_reserved_until_the_request_ends() -> None:
    network = make_economy()
    network.apply("issuer", create_asset("USD", tasks=16))
    reservation = network.ledger.state.get_asset_reservation("USD")
    assert reservation is not None
    assert reservation.request_id == 4
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert network.ledger.state.get_asset_reservation("USD") is None

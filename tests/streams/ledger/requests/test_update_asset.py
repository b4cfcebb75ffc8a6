"""A request to change an asset: what it holds, what fulfilling and ending it do."""

import pytest
from msgspec.structs import replace

from schemas.generated.entries import AssetState, BaseAssets
from schemas.generated.operations import (
    ManageAsset,
    ManageAssetCode,
    ReviewAction,
    ReviewRequestCode,
    UpdateAsset,
)
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from streams.ledger.invariants import check_everything
from tests.streams.ledger.operations.cases import put
from tests.support.network import Network, make_economy, review


def update(policies: int = 3, tasks: int | None = None) -> ManageAsset:
    return ManageAsset(0, UpdateAsset("EUR", policies, b'{"name":"Euro"}', tasks))


@pytest.mark.parametrize("tasks", [0, 16])
def test_policies_and_details_are_replaced(tasks: int) -> None:
    network = make_economy()
    before = network.ledger.state.get_asset("EUR")
    network.apply("issuer", update(tasks=tasks))
    if tasks:
        assert network.ledger.state.get_asset("EUR") == before
        network.apply("master", review(network, 4))
    state = network.ledger.state
    assert before is not None
    assert state.get_asset("EUR") == replace(before, policies=3, details=b'{"name":"Euro"}')
    assert state.get_base_assets().codes == ("EUR",)
    assert state.get_asset_reservation("EUR") is None
    network.apply("issuer", update(policies=1))
    assert state.get_base_assets().codes == ()
    check_everything(state)


def test_an_asset_has_one_pending_update() -> None:
    network = make_economy()
    network.apply("issuer", update(tasks=16))
    [result] = network.apply("issuer", update()).applied[0].result.operations
    assert result.outcome is ManageAssetCode.REQUEST_ALREADY_EXISTS
    network.apply("master", review(network, 4, ReviewAction.PERMANENT_REJECT))
    assert network.ledger.state.get_asset_reservation("EUR") is None


@pytest.mark.parametrize(
    ("code", "is_removed"),
    [(FulfilmentCode.ASSET_REMOVED, True), (FulfilmentCode.TOO_MANY_BASE_ASSETS, False)],
)
def test_what_changed_meanwhile_refuses_it(code: FulfilmentCode, is_removed: bool) -> None:
    network = make_economy()
    network.apply("issuer", update(tasks=16))
    _change(network, is_removed)
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))


def _change(network: Network, is_removed: bool) -> None:
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    if is_removed:
        put(network, replace(asset, state=AssetState.REMOVED))
    else:
        put(network, BaseAssets(tuple(f"B{number:02}" for number in range(64))))

"""RemoveAsset, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.entries import AssetState
from schemas.generated.operations import (
    ManageAssetCode,
    ManageBalanceCode,
    ManageKeyValue,
    PutKeyValue,
    RemoveAsset,
    RemoveAssetCode,
    StringValue,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.invariants import check_everything
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, create_asset, create_balance, issue

Code = RemoveAssetCode


def make_usd(network: Network) -> None:
    network.apply("issuer", create_asset("USD", policies=3))


def promise_usd(network: Network) -> None:
    make_usd(network)
    network.apply("alice", create_balance("alice", "USD"))
    network.apply("issuer", replace(issue(network, "alice", "USD", 5, "later"), all_tasks=16))


def remove(network: Network) -> None:
    make_usd(network)
    network.apply("issuer", RemoveAsset("USD"))


def check_gone(network: Network, _: OperationResult) -> None:
    asset = network.ledger.state.get_asset("USD")
    assert asset is not None
    assert asset.state is AssetState.REMOVED
    assert network.ledger.state.get_base_assets().codes == ()
    check_everything(network.ledger.state)
    for name, body, code in (
        ("alice", create_balance("alice", "USD"), ManageBalanceCode.ASSET_REMOVED),
        ("alice", create_asset("USD"), ManageAssetCode.ASSET_ALREADY_EXISTS),
    ):
        [result] = network.apply(name, body).applied[0].result.operations
        assert result.outcome is code


def pay_operations_in_usd(network: Network) -> None:
    make_usd(network)
    value = PutKeyValue(StringValue("USD"))
    network.apply("master", ManageKeyValue("operation_fee_asset", value))


CASES = (
    Case(
        "an asset that nobody holds",
        "issuer",
        lambda _: RemoveAsset("USD"),
        changes=("Asset changed", "BaseAssets changed"),
        given=make_usd,
        check=check_gone,
    ),
    Case(
        "a removed asset",
        "issuer",
        lambda _: RemoveAsset("USD"),
        Code.ASSET_REMOVED,
        given=remove,
    ),
    Case(
        "another's asset",
        "alice",
        lambda _: RemoveAsset("USD"),
        Code.NOT_AUTHORIZED,
        given=make_usd,
    ),
    Case("an asset that is held", "issuer", lambda _: RemoveAsset("EUR"), Code.HAS_HOLDERS),
    Case(
        "an asset that is promised",
        "issuer",
        lambda _: RemoveAsset("USD"),
        Code.HAS_HOLDERS,
        given=promise_usd,
    ),
    Case(
        "the asset that operations are paid for in",
        "issuer",
        lambda _: RemoveAsset("USD"),
        Code.PAYS_FOR_OPERATIONS,
        given=pay_operations_in_usd,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_remove_asset(case: Case) -> None:
    run_case(case)

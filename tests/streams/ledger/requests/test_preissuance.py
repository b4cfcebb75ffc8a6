"""A request to make more issuable is judged again when it is fulfilled."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import U64, Amount
from schemas.generated.entries import AssetState
from schemas.generated.operations import ReviewRequestCode
from schemas.generated.transactions import FulfilmentCode, FulfilmentRefused, RefusalDetail
from tests.streams.ledger.operations.cases import put
from tests.support.network import Network, get_public_key, make_economy, review
from tests.support.requests import preissue


def ask() -> Network:
    network = make_economy()
    asset, supply = (
        network.ledger.state.get_asset("EUR"),
        network.ledger.state.get_asset_supply("EUR"),
    )
    assert asset is not None
    assert supply is not None
    put(network, replace(asset, max_issuance_amount=Amount(2_000_010)))
    put(network, replace(supply, available_for_issuance=Amount(0)))
    network.apply("issuer", replace(preissue(network, "EUR", 10, "batch"), all_tasks=16))
    return network


def test_it_holds_nothing_and_makes_the_amount_issuable() -> None:
    network = ask()
    before = network.ledger.state.get_asset_supply("EUR")
    network.apply("master", review(network, 4))
    after = network.ledger.state.get_asset_supply("EUR")
    assert before is not None
    assert after == replace(before, available_for_issuance=Amount(10))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"max_issuance_amount": Amount(2_000_009)}, FulfilmentCode.EXCEEDS_MAX_ISSUANCE_AMOUNT),
        (
            {"preissued_asset_signer": get_public_key("new"), "signer_changes": U64(1)},
            FulfilmentCode.PREISSUED_SIGNER_MISMATCHED,
        ),
        ({"state": AssetState.REMOVED}, FulfilmentCode.ASSET_REMOVED),
    ],
)
def test_what_changed_meanwhile_refuses_it(change: dict[str, object], code: FulfilmentCode) -> None:
    network = ask()
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    put(network, replace(asset, **change))
    [result] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert result.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert result.detail == RefusalDetail(FulfilmentRefused(code, ""))

"""RemoveAssetPair, case by case."""

import pytest

from schemas.generated.operations import RemoveAssetPair, RemoveAssetPairCode
from tests.streams.ledger.operations.cases import Case, run_case
from tests.streams.ledger.operations.test_manage_asset_pair import make_pair

CASES = (
    Case(
        "a pair",
        "master",
        lambda _: RemoveAssetPair("USD", "EUR"),
        given=make_pair,
        changes=("AssetPair removed",),
    ),
    Case(
        "no pair",
        "master",
        lambda _: RemoveAssetPair("USD", "EUR"),
        RemoveAssetPairCode.NOT_FOUND,
    ),
    Case(
        "the reverse of a pair",
        "master",
        lambda _: RemoveAssetPair("EUR", "USD"),
        RemoveAssetPairCode.NOT_FOUND,
        given=make_pair,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_remove_asset_pair(case: Case) -> None:
    run_case(case)

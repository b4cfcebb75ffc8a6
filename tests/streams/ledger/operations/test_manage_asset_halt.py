"""ManageAssetHalt, case by case."""

from typing import Any

import pytest
from msgspec.structs import replace

from schemas.generated.entries import AssetHalt
from schemas.generated.ledger import EffectKind, HaltChange
from schemas.generated.operations import (
    CreateIssuanceRequestCode,
    ManageAssetHalt,
    ManageAssetHaltCode,
    ReviewRequestCode,
)
from schemas.generated.transactions import (
    FulfilmentCode,
    FulfilmentRefused,
    OperationCode,
    OperationResult,
    RefusalDetail,
)
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, get_account, issue, make_economy, review
from tests.support.requests import govern

Code = ManageAssetHaltCode
HALT = ManageAssetHalt("EUR", True, None)
LIFT = ManageAssetHalt("EUR", False, None)


def halt(network: Network) -> None:
    put(network, AssetHalt("EUR", True, False))


def check_halt(issuance: bool, withdrawal: bool) -> Any:
    def check(network: Network, _: OperationResult) -> None:
        halted = network.ledger.state.get_asset_halt("EUR")
        assert halted == AssetHalt("EUR", issuance, withdrawal)

    return check


CASES = (
    Case(
        "issuances",
        "master",
        lambda _: HALT,
        changes=("AssetHalt made",),
        check=check_halt(True, False),
    ),
    Case(
        "withdrawals as well",
        "master",
        lambda _: ManageAssetHalt("EUR", None, True),
        changes=("AssetHalt changed",),
        given=halt,
        check=check_halt(True, True),
    ),
    Case("what is halted", "master", lambda _: HALT, given=halt, check=check_halt(True, False)),
    Case(
        "nothing",
        "master",
        lambda _: ManageAssetHalt("EUR", None, None),
        Code.NOTHING_TO_CHANGE,
    ),
    Case(
        "a halt lifted by one alone",
        "master",
        lambda _: LIFT,
        Code.GOVERNED_CHANGE_NEEDED,
        given=halt,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_asset_halt(case: Case) -> None:
    run_case(case)


def test_who_halts_and_the_assets_owner_are_told() -> None:
    network = make_economy()
    effects = network.apply("master", HALT).applied[0].effects
    assert [(each.account_id, each.kind, each.detail) for each in effects] == [
        (get_account(name), EffectKind.HALT_CHANGED, HaltChange("EUR", True, False))
        for name in ("master", "issuer")
    ]


def test_the_owner_itself_needs_the_right() -> None:
    network = make_economy()
    [result] = network.apply("issuer", HALT).applied[0].result.operations
    assert result.outcome is OperationCode.NO_ROLE_PERMISSION


def test_while_issuances_are_halted_requests_wait() -> None:
    network = make_economy()
    network.apply("issuer", replace(issue(network, "alice", "EUR", 5, "before"), all_tasks=16))
    network.apply("master", HALT)
    [refused] = network.apply("master", review(network, 4)).applied[0].result.operations
    assert refused.outcome is ReviewRequestCode.FULFILMENT_REFUSED
    assert refused.detail == RefusalDetail(FulfilmentRefused(FulfilmentCode.ASSET_HALTED, ""))
    [at_once] = network.apply("issuer", issue(network, "bob", "EUR", 5, "x")).applied
    assert at_once.result.operations[0].outcome is CreateIssuanceRequestCode.ASSET_HALTED
    network.apply("issuer", replace(issue(network, "bob", "EUR", 5, "y"), all_tasks=16))
    network.apply("master", govern(LIFT))
    assert network.ledger.state.get_asset_halt("EUR") is None
    for request_id in (4, 5):
        network.apply("master", review(network, request_id))
    assert (network.get_amount("alice", "EUR"), network.get_amount("bob", "EUR")) == (
        1_000_005,
    ) * 2

"""ManageBalance, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import Amount
from schemas.generated.entries import AssetState, Balance
from schemas.generated.operations import (
    ManageBalance,
    ManageBalanceAction,
    ManageBalanceCode,
    ManageBalanceResult,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.values import MAX_BALANCES_PER_ASSET
from tests.streams.ledger.operations.cases import Case, put, run_case
from tests.support.network import Network, create_balance, get_account


def create_another(name: str, asset: str = "EUR") -> ManageBalance:
    return ManageBalance(ManageBalanceAction.CREATE, get_account(name), asset)


def give_alice_all(network: Network) -> None:
    for index in range(1, MAX_BALANCES_PER_ASSET):
        balance_id = network.get_balance_id("alice", "EUR", index)
        put(network, Balance(balance_id, get_account("alice"), "EUR", Amount(0), Amount(0)))


def remove_eur(network: Network) -> None:
    asset = network.ledger.state.get_asset("EUR")
    assert asset is not None
    put(network, replace(asset, state=AssetState.REMOVED))


def check_second(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageBalanceResult(network.get_balance_id("alice", "EUR", 1))


def check_first(network: Network, result: OperationResult) -> None:
    assert result.outcome == ManageBalanceResult(network.get_balance_id("issuer", "EUR"))


CASES = (
    Case(
        "a first one",
        "issuer",
        lambda _: create_balance("issuer", "EUR"),
        changes=("Balance made",),
        check=check_first,
    ),
    Case(
        "another one",
        "alice",
        lambda _: create_another("alice"),
        changes=("Balance made",),
        check=check_second,
    ),
    Case(
        "for another account, by one who may",
        "master",
        lambda _: create_another("alice"),
        changes=("Balance made",),
        check=check_second,
    ),
    Case(
        "of a removed asset",
        "issuer",
        lambda _: create_balance("issuer", "EUR"),
        ManageBalanceCode.ASSET_REMOVED,
        given=remove_eur,
    ),
    Case(
        "for no account",
        "master",
        lambda _: create_another("nobody"),
        ManageBalanceCode.DESTINATION_NOT_FOUND,
    ),
    Case(
        "a unique one where there is one",
        "alice",
        lambda _: create_balance("alice", "EUR"),
        ManageBalanceCode.BALANCE_ALREADY_EXISTS,
    ),
    Case(
        "one more than there may be",
        "alice",
        lambda _: create_another("alice"),
        ManageBalanceCode.TOO_MANY_BALANCES,
        given=give_alice_all,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_balance(case: Case) -> None:
    run_case(case)

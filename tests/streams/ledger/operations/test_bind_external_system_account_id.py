"""BindExternalSystemAccountId, case by case."""

from typing import Any

import pytest

from schemas.generated.entries import ExternalBinding
from schemas.generated.ledger import AddressBinding, EffectKind
from schemas.generated.operations import (
    BindExternalSystemAccountIdCode,
    BindExternalSystemAccountIdResult,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import BANK, CHAIN, add_address, add_keyset, bind
from tests.support.network import START_MS, Network, create_account, get_account, make_economy

Code = BindExternalSystemAccountIdCode
TAKEN = ("ExternalAccount made", "ExternalAddress changed", "ExternalBinding made")


def fill(network: Network) -> None:
    add_keyset(network)
    network.apply("master", add_address("0xa"), add_address("0xb"))
    network.apply("master", *(add_address(each, BANK, 0) for each in ("RF1", "RF2")))


def take(network: Network) -> None:
    fill(network)
    network.apply("alice", bind())


def take_all(network: Network) -> None:
    take(network)
    network.apply("bob", bind())
    network.apply("master", create_account("carol"))


def check_address(address: str) -> Any:
    def check(_: Network, result: OperationResult) -> None:
        assert isinstance(result.outcome, BindExternalSystemAccountIdResult)
        assert (result.outcome.address, result.outcome.until_ms) == (address, None)

    return check


CASES = (
    Case(
        "the first of the pool",
        "alice",
        lambda _: bind(),
        changes=(*TAKEN, "ExternalAddress changed", "ExternalPool changed"),
        given=fill,
        check=check_address("0xa"),
    ),
    Case(
        "the last of it",
        "bob",
        lambda _: bind(),
        changes=(*TAKEN, "ExternalPool changed"),
        given=take,
        check=check_address("0xb"),
    ),
    Case(
        "what the account has",
        "alice",
        lambda _: bind(),
        given=take,
        check=check_address("0xa"),
    ),
    Case("no system", "alice", lambda _: bind("ethereum"), Code.INVALID_SYSTEM, given=fill),
    Case("none is left", "carol", lambda _: bind(), Code.NO_AVAILABLE_ID, given=take_all),
    Case("no pool", "alice", lambda _: bind("eip155:1"), Code.NO_AVAILABLE_ID),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bind_external_system_account_id(case: Case) -> None:
    run_case(case)


def test_the_account_is_told_and_the_interval_stays() -> None:
    network = make_economy()
    fill(network)
    [effect] = network.apply("alice", bind()).applied[0].effects
    assert (effect.account_id, effect.kind) == (get_account("alice"), EffectKind.ADDRESS_BOUND)
    assert effect.detail == AddressBinding(CHAIN, None)
    at = network.ledger.header.close_time_ms
    assert at > START_MS
    binding = network.ledger.state.get_external_binding(CHAIN, "0xa", 1)
    assert binding == ExternalBinding(CHAIN, "0xa", 1, get_account("alice"), at, None)

"""ManageExternalSystemAccountIdPoolEntry, case by case."""

from typing import Any

import pytest

from schemas.generated.entries import ExternalAddressState
from schemas.generated.operations import (
    ManageExternalSystemAccountIdPoolEntry,
    ManageExternalSystemAccountIdPoolEntryCode,
    RemovePoolEntry,
)
from schemas.generated.transactions import OperationCode, OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import BANK, CHAIN, add_address, add_keyset, bind
from tests.support.network import Network, make_economy

Code = ManageExternalSystemAccountIdPoolEntryCode


def remove(address: str, system: str = CHAIN) -> ManageExternalSystemAccountIdPoolEntry:
    return ManageExternalSystemAccountIdPoolEntry(system, address, RemovePoolEntry())


def fill(network: Network) -> None:
    add_keyset(network)
    network.apply("master", add_address("0xa"), add_address("0xb"), add_address("0xc"))


def take_first(network: Network) -> None:
    fill(network)
    network.apply("alice", bind())


def check_pool(free: int, first: str | None, last: str | None, version: int = 1) -> Any:
    def check(network: Network, _: OperationResult) -> None:
        pool = network.ledger.state.get_external_pool(CHAIN if version else BANK, version)
        assert pool is not None
        assert (pool.free, pool.first, pool.last) == (free, first, last)

    return check


CASES = (
    Case(
        "the first address",
        "master",
        lambda _: add_address("0xa"),
        changes=("ExternalAddress made", "ExternalPool made"),
        given=add_keyset,
        check=check_pool(1, "0xa", "0xa"),
    ),
    Case(
        "another, behind the others",
        "master",
        lambda _: add_address("0xd"),
        changes=("ExternalAddress made", "ExternalAddress changed", "ExternalPool changed"),
        given=fill,
        check=check_pool(4, "0xa", "0xd"),
    ),
    Case(
        "one taken out of the middle",
        "master",
        lambda _: remove("0xb"),
        changes=(*("ExternalAddress changed",) * 3, "ExternalPool changed"),
        given=fill,
        check=check_pool(2, "0xa", "0xc"),
    ),
    Case(
        "a bank's reference",
        "master",
        lambda _: add_address("RF18", BANK, 0),
        changes=("ExternalAddress made", "ExternalPool made"),
        check=check_pool(1, "RF18", "RF18", 0),
    ),
    Case("no system", "master", lambda _: add_address("0xa", "ethereum"), Code.INVALID_SYSTEM),
    Case("no address", "master", lambda _: add_address("0 x"), Code.INVALID_ADDRESS),
    Case(
        "a chain's address without a keyset",
        "master",
        lambda _: add_address("0xa", CHAIN, 0),
        Code.KEYSET_NOT_ALLOWED,
    ),
    Case(
        "a bank's reference with one",
        "master",
        lambda _: add_address("RF18", BANK, 1),
        Code.KEYSET_NOT_ALLOWED,
    ),
    Case(
        "a keyset that is not known",
        "master",
        lambda _: add_address("0xa", CHAIN, 2),
        Code.KEYSET_NOT_FOUND,
        given=add_keyset,
    ),
    Case("once more", "master", lambda _: add_address("0xa"), Code.ALREADY_EXISTS, given=fill),
    Case("an unknown one", "master", lambda _: remove("0xz"), Code.NOT_FOUND, given=fill),
    Case("somebody's", "master", lambda _: remove("0xa"), Code.NOT_FREE, given=take_first),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_external_system_account_id_pool_entry(case: Case) -> None:
    run_case(case)


def test_what_was_taken_out_never_comes_back() -> None:
    network = make_economy()
    fill(network)
    network.apply("master", remove("0xb"))
    for again, code in ((add_address("0xb"), Code.ALREADY_EXISTS), (remove("0xb"), Code.NOT_FREE)):
        [result] = network.apply("master", again).applied[0].result.operations
        assert result.outcome is code
    address = network.ledger.state.get_external_address(CHAIN, "0xb")
    assert address is not None
    assert address.state is ExternalAddressState.REMOVED


def test_accounts_do_not_fill_pools() -> None:
    network = make_economy()
    fill(network)
    [result] = network.apply("alice", add_address("0xe")).applied[0].result.operations
    assert result.outcome is OperationCode.NO_ROLE_PERMISSION

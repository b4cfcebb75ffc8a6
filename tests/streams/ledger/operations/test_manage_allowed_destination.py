"""ManageAllowedDestination, case by case."""

import pytest

from schemas.generated.common import (
    BankAccount,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
)
from schemas.generated.entries import AllowedDestination, AllowedDestinations
from schemas.generated.operations import ManageAllowedDestination, ManageAllowedDestinationCode
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.border import TO
from tests.support.network import Network, get_account

Code = ManageAllowedDestinationCode
COIN = BitcoinAddress("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")


def allow(destination: object = TO) -> ManageAllowedDestination:
    return ManageAllowedDestination(destination, is_allowed=True)  # type: ignore[arg-type]


def forbid(destination: object = TO) -> ManageAllowedDestination:
    return ManageAllowedDestination(destination, is_allowed=False)  # type: ignore[arg-type]


def allow_one(network: Network) -> None:
    network.apply("alice", allow())


def allow_two(network: Network) -> None:
    network.apply("alice", allow(), allow(COIN))


def allow_many(network: Network) -> None:
    addresses = (EthereumAddressBytes(n.to_bytes(20, "big")) for n in range(1, 33))
    network.apply("alice", *(allow(EthereumAddress(each)) for each in addresses))


def check_allowed(network: Network, _: OperationResult) -> None:
    alice, at = get_account("alice"), network.ledger.header.close_time_ms
    expected = AllowedDestinations(alice, (AllowedDestination(TO, at),))
    assert network.ledger.state.get_allowed_destinations(alice) == expected


CASES = (
    Case(
        "the first",
        "alice",
        lambda _: allow(),
        changes=("AllowedDestinations made",),
        check=check_allowed,
    ),
    Case(
        "another",
        "alice",
        lambda _: allow(COIN),
        changes=("AllowedDestinations changed",),
        given=allow_one,
    ),
    Case(
        "one not any more",
        "alice",
        lambda _: forbid(COIN),
        changes=("AllowedDestinations changed",),
        given=allow_two,
    ),
    Case(
        "none any more",
        "alice",
        lambda _: forbid(),
        changes=("AllowedDestinations removed",),
        given=allow_one,
    ),
    Case("no IBAN", "alice", lambda _: allow(BankAccount("DE00", "")), Code.INVALID_DESTINATION),
    Case("again", "alice", lambda _: allow(), Code.ALREADY_ALLOWED, given=allow_one),
    Case("unknown", "alice", lambda _: forbid(COIN), Code.NOT_FOUND, given=allow_one),
    Case("the 33rd", "alice", lambda _: allow(), Code.TOO_MANY_DESTINATIONS, given=allow_many),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_allowed_destination(case: Case) -> None:
    run_case(case)

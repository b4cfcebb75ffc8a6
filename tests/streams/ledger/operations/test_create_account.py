"""CreateAccount, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.common import AccountID
from schemas.generated.operations import CreateAccount, CreateAccountCode, CreateAccountResult
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import (
    Network,
    create_account,
    create_asset,
    get_account,
    get_owner,
)


def make_base_asset(network: Network) -> None:
    network.apply("issuer", create_asset("BASE", policies=2))


def check_number(network: Network, result: OperationResult) -> None:
    """master, issuer, alice and bob came before."""
    assert result.outcome == CreateAccountResult(5)
    account = network.ledger.state.get_account(get_account("carol"))
    assert account is not None
    assert account.sequential_id == 5


def with_signers(*weights: tuple[str, int, int]) -> CreateAccount:
    """Signers as (name, weight, identity)."""
    signers = tuple(get_owner(name, weight, identity) for name, weight, identity in weights)
    return replace(create_account("carol"), signers=signers)


def with_details(details: bytes) -> CreateAccount:
    return replace(create_account("carol"), signers=(replace(get_owner("carol"), details=details),))


# The account's number, and the uses of its role and of its signers' role.
COUNTED = ("Counters changed", "AccessUse changed", "AccessUse changed")
CASES = (
    Case(
        "one signer",
        "master",
        lambda _: create_account("carol"),
        changes=("Account made", "Signer made", *COUNTED),
        check=check_number,
    ),
    Case(
        "a referrer",
        "master",
        lambda _: replace(create_account("carol"), referrer=get_account("alice")),
        changes=("Account made", "Signer made", *COUNTED),
    ),
    Case(
        "two signers of two identities, who only together reach the threshold",
        "master",
        lambda _: with_signers(("carol", 600, 0), ("carol 2", 400, 1)),
        changes=("Account made", "Signer made", "Signer made", *COUNTED),
    ),
    Case(
        "a balance of every base asset",
        "master",
        lambda _: create_account("carol"),
        given=make_base_asset,
        changes=("Account made", "Signer made", *COUNTED, "Balance made"),
    ),
    Case(
        "details that are JSON",
        "master",
        lambda _: with_details(b'{"name": ["x"]}'),
        changes=("Account made", "Signer made", *COUNTED),
    ),
    Case(
        "the account of zeros",
        "master",
        lambda _: replace(create_account("carol"), destination=AccountID(bytes(32))),
        CreateAccountCode.INVALID_DESTINATION,
    ),
    Case(
        "referred to by itself",
        "master",
        lambda _: replace(create_account("carol"), referrer=get_account("carol")),
        CreateAccountCode.INVALID_DESTINATION,
    ),
    Case("no signers", "master", lambda _: with_signers(), CreateAccountCode.NO_SIGNER_DATA),
    Case(
        "a signer twice",
        "master",
        lambda _: with_signers(("carol", 1000, 0), ("carol", 1000, 1)),
        CreateAccountCode.SIGNER_DUPLICATION,
    ),
    Case(
        "details that are not JSON",
        "master",
        lambda _: with_details(b"{name}"),
        CreateAccountCode.INVALID_SIGNER_DATA,
    ),
    Case(
        "details with a number that JSON does not have",
        "master",
        lambda _: with_details(b"NaN"),
        CreateAccountCode.INVALID_SIGNER_DATA,
    ),
    Case(
        "details in another encoding than UTF-8",
        "master",
        lambda _: with_details('"x"'.encode("utf-16")),
        CreateAccountCode.INVALID_SIGNER_DATA,
    ),
    Case(
        "details nested too deep",
        "master",
        lambda _: with_details(b"[" * 33 + b"]" * 33),
        CreateAccountCode.INVALID_SIGNER_DATA,
    ),
    Case(
        "a weight of 0",
        "master",
        lambda _: with_signers(("carol", 1000, 0), ("carol 2", 0, 1)),
        CreateAccountCode.INVALID_WEIGHT,
    ),
    Case(
        "weights that only add up within one identity",
        "master",
        lambda _: with_signers(("carol", 600, 0), ("carol 2", 600, 0)),
        CreateAccountCode.INVALID_WEIGHT,
    ),
    Case(
        "an account that exists",
        "master",
        lambda _: create_account("alice"),
        CreateAccountCode.ALREADY_EXISTS,
    ),
    Case(
        "referred to by nobody",
        "master",
        lambda _: replace(create_account("carol"), referrer=get_account("nobody")),
        CreateAccountCode.REFERRER_NOT_FOUND,
    ),
    Case(
        "a role that does not exist",
        "master",
        lambda _: create_account("carol", role_id=77),
        CreateAccountCode.NO_SUCH_ROLE,
    ),
    Case(
        "a signer's role that does not exist",
        "master",
        lambda _: replace(
            create_account("carol"), signers=(replace(get_owner("carol"), role_id=77),)
        ),
        CreateAccountCode.NO_SUCH_SIGNER_ROLE,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_create_account(case: Case) -> None:
    run_case(case)

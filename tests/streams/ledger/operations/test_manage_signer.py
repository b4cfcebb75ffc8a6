"""ManageSigner, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.bounds import ACCOUNT_SIGNERS_ITEMS_MAX
from schemas.generated.operations import (
    CreateSigner,
    ManageSigner,
    ManageSignerCode,
    RemoveSigner,
    UpdateSigner,
)
from schemas.generated.transactions import OperationResult
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, get_account, get_owner, get_public_key


def create_signer(name: str, weight: int = 1000, identity: int = 1) -> ManageSigner:
    return ManageSigner(CreateSigner(get_owner(name, weight, identity)))


def add_spare(network: Network) -> None:
    network.apply("alice", create_signer("spare"))


def add_most(network: Network) -> None:
    most = [create_signer(f"spare {number}") for number in range(ACCOUNT_SIGNERS_ITEMS_MAX - 1)]
    network.apply("alice", *most)


def check_weight(network: Network, _: OperationResult) -> None:
    signer = network.ledger.state.get_signer(get_account("alice"), get_public_key("spare"))
    assert signer is not None
    assert signer.data.weight == 5


def check_gone(network: Network, _: OperationResult) -> None:
    key = get_public_key("spare")
    assert network.ledger.state.get_signer(get_account("alice"), key) is None


CASES = (
    Case(
        "added",
        "alice",
        lambda _: create_signer("spare"),
        changes=("Signer made", "Account changed", "AccessUse changed"),
    ),
    Case(
        "changed",
        "alice",
        lambda _: ManageSigner(UpdateSigner(get_owner("spare", 5, 2))),
        given=add_spare,
        changes=("Signer changed",),
        check=check_weight,
    ),
    Case(
        "removed",
        "alice",
        lambda _: ManageSigner(RemoveSigner(get_public_key("spare"))),
        given=add_spare,
        changes=("Signer removed", "Account changed", "AccessUse changed"),
        check=check_gone,
    ),
    Case(
        "details that are not JSON",
        "alice",
        lambda _: ManageSigner(CreateSigner(replace(get_owner("spare"), details=b"{"))),
        ManageSignerCode.INVALID_DETAILS,
    ),
    Case(
        "a weight of 0",
        "alice",
        lambda _: create_signer("spare", weight=0),
        ManageSignerCode.INVALID_WEIGHT,
    ),
    Case(
        "added again",
        "alice",
        lambda _: create_signer("spare"),
        ManageSignerCode.ALREADY_EXISTS,
        given=add_spare,
    ),
    Case(
        "a role that does not exist",
        "alice",
        lambda _: ManageSigner(CreateSigner(replace(get_owner("spare"), role_id=77))),
        ManageSignerCode.NO_SUCH_ROLE,
    ),
    Case(
        "the master without its last signer",
        "master",
        lambda _: ManageSigner(RemoveSigner(get_public_key("master"))),
        ManageSignerCode.LAST_MASTER_SIGNERS,
    ),
    Case(
        "the master's last signer in another role",
        "master",
        lambda _: ManageSigner(UpdateSigner(get_owner("master"))),
        ManageSignerCode.LAST_MASTER_SIGNERS,
    ),
    Case(
        "another role",
        "alice",
        lambda _: ManageSigner(UpdateSigner(replace(get_owner("spare"), role_id=3))),
        given=add_spare,
        changes=("Signer changed", "AccessUse changed", "AccessUse made"),
    ),
    Case(
        "one more than there may be",
        "alice",
        lambda _: create_signer("spare"),
        ManageSignerCode.TOO_MANY_SIGNERS,
        given=add_most,
    ),
    Case(
        "one in another's place",
        "alice",
        lambda _: ManageSigner(UpdateSigner(get_owner("spare 3", 5))),
        given=add_most,
        changes=("Signer changed",),
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_signer(case: Case) -> None:
    run_case(case)

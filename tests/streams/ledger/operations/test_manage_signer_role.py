"""ManageSignerRole, case by case."""

import pytest
from msgspec.structs import replace

from schemas.generated.bounds import SIGNER_ROLE_RULE_IDS_ITEMS_MAX
from schemas.generated.operations import (
    CreateSignerRole,
    ManageSignerRole,
    ManageSignerRoleCode,
    RemoveSignerRole,
    UpdateSignerRole,
)
from streams.ledger.values import MASTER_SIGNER_ROLE
from tests.streams.ledger.operations.cases import Case, allow_general_anything, run_case
from tests.support.network import Network, create_account, get_owner

NEW_ROLE = 5


def create(
    name: str = "auditor",
    rules: tuple[int, ...] = (2, 3),
    details: bytes = b"",
    end: int | None = 9,
) -> ManageSignerRole:
    return ManageSignerRole(CreateSignerRole(name, rules, details, 9, is_read_only=False))


def update(
    role_id: int = NEW_ROLE, name: str = "clerk", rules: tuple[int, ...] = (3, 4)
) -> ManageSignerRole:
    return ManageSignerRole(UpdateSignerRole(role_id, name, rules, b"", None))


def remove(role_id: int = NEW_ROLE) -> ManageSignerRole:
    return ManageSignerRole(RemoveSignerRole(role_id))


def create_one(network: Network) -> None:
    network.apply("master", create())


def use_one(network: Network) -> None:
    create_one(network)
    signer = replace(get_owner("carol"), role_id=NEW_ROLE)
    network.apply("master", replace(create_account("carol"), signers=(signer,)))


def allow_alice(network: Network) -> None:
    create_one(network)
    allow_general_anything(network)


CASES = (
    Case(
        "created",
        "master",
        lambda _: create(),
        changes=(
            "SignerRole made",
            "AccessName made",
            "AccessUse changed",
            "AccessUse changed",
            "AccessCounters changed",
        ),
    ),
    Case(
        "changed, with another name and another rule",
        "master",
        lambda _: update(),
        given=create_one,
        changes=(
            "SignerRole changed",
            "AccessName made",
            "AccessName removed",
            "AccessUse changed",
            "AccessUse changed",
        ),
    ),
    Case(
        "removed",
        "master",
        lambda _: remove(),
        given=create_one,
        changes=(
            "SignerRole removed",
            "AccessName removed",
            "AccessUse changed",
            "AccessUse changed",
        ),
    ),
    Case("no name", "master", lambda _: create(""), ManageSignerRoleCode.INVALID_NAME),
    Case(
        "details that are not JSON",
        "master",
        lambda _: create(details=b"{"),
        ManageSignerRoleCode.INVALID_DETAILS,
    ),
    Case(
        "a rule twice",
        "master",
        lambda _: create(rules=(2, 2)),
        ManageSignerRoleCode.RULE_DUPLICATION,
    ),
    Case("no such role", "master", lambda _: update(), ManageSignerRoleCode.NOT_FOUND),
    Case(
        "the master role",
        "master",
        lambda _: update(MASTER_SIGNER_ROLE),
        ManageSignerRoleCode.READ_ONLY,
    ),
    Case(
        "another's name",
        "master",
        lambda _: update(name="master"),
        ManageSignerRoleCode.NAME_IS_TAKEN,
        given=create_one,
    ),
    Case(
        "no such rule",
        "master",
        lambda _: create(rules=(2, 77)),
        ManageSignerRoleCode.NO_SUCH_RULE,
    ),
    Case(
        "used",
        "master",
        lambda _: remove(),
        ManageSignerRoleCode.ROLE_IS_USED,
        given=use_one,
    ),
    Case(
        "another's",
        "alice",
        lambda _: update(),
        ManageSignerRoleCode.NOT_AUTHORIZED,
        given=allow_alice,
    ),
    Case(
        "a default rule",
        "master",
        lambda _: create(rules=(7,)),
        ManageSignerRoleCode.DEFAULT_RULE_DUPLICATION,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_signer_role(case: Case) -> None:
    run_case(case)


def test_a_role_has_no_more_rules_than_can_be_proven() -> None:
    assert SIGNER_ROLE_RULE_IDS_ITEMS_MAX == 128

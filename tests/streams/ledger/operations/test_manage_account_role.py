"""ManageAccountRole, case by case."""

import pytest

from schemas.generated.bounds import ACCOUNT_ROLE_RULE_IDS_ITEMS_MAX
from schemas.generated.operations import (
    CreateAccountRole,
    ManageAccountRole,
    ManageAccountRoleCode,
    RemoveAccountRole,
    UpdateAccountRole,
)
from streams.ledger.values import MASTER_ROLE
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network, create_account

NEW_ROLE = 4


def create(
    name: str = "auditor",
    rules: tuple[int, ...] = (2, 3),
    details: bytes = b"",
    end: int | None = 9,
) -> ManageAccountRole:
    return ManageAccountRole(
        CreateAccountRole(name, rules, details, 9, is_read_only=False, pays_for_operations=False)
    )


def update(
    role_id: int = NEW_ROLE, name: str = "clerk", rules: tuple[int, ...] = (3, 4)
) -> ManageAccountRole:
    return ManageAccountRole(
        UpdateAccountRole(role_id, name, rules, b"", None, pays_for_operations=True)
    )


def remove(role_id: int = NEW_ROLE) -> ManageAccountRole:
    return ManageAccountRole(RemoveAccountRole(role_id))


def create_one(network: Network) -> None:
    network.apply("master", create())


def use_one(network: Network) -> None:
    create_one(network)
    network.apply("master", create_account("carol", NEW_ROLE))


CASES = (
    Case(
        "created",
        "master",
        lambda _: create(),
        changes=(
            "AccountRole made",
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
            "AccountRole changed",
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
            "AccountRole removed",
            "AccessName removed",
            "AccessUse changed",
            "AccessUse changed",
        ),
    ),
    Case("no name", "master", lambda _: create(""), ManageAccountRoleCode.INVALID_NAME),
    Case(
        "details that are not JSON",
        "master",
        lambda _: create(details=b"{"),
        ManageAccountRoleCode.INVALID_DETAILS,
    ),
    Case(
        "a rule twice",
        "master",
        lambda _: create(rules=(2, 2)),
        ManageAccountRoleCode.RULE_DUPLICATION,
    ),
    Case("no such role", "master", lambda _: update(), ManageAccountRoleCode.NOT_FOUND),
    Case(
        "the master role",
        "master",
        lambda _: update(MASTER_ROLE),
        ManageAccountRoleCode.READ_ONLY,
    ),
    Case(
        "another's name",
        "master",
        lambda _: update(name="master"),
        ManageAccountRoleCode.NAME_IS_TAKEN,
        given=create_one,
    ),
    Case(
        "no such rule",
        "master",
        lambda _: create(rules=(2, 77)),
        ManageAccountRoleCode.NO_SUCH_RULE,
    ),
    Case(
        "used",
        "master",
        lambda _: remove(),
        ManageAccountRoleCode.ROLE_IS_USED,
        given=use_one,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_account_role(case: Case) -> None:
    run_case(case)


def test_a_role_has_no_more_rules_than_can_be_proven() -> None:
    assert ACCOUNT_ROLE_RULE_IDS_ITEMS_MAX == 128

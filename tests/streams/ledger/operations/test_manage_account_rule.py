"""ManageAccountRule, case by case."""

import pytest

from schemas.generated.common import AccessRule, Action, AssetResource, RequestResource
from schemas.generated.operations import (
    CreateAccountRole,
    CreateAccountRule,
    ManageAccountRole,
    ManageAccountRule,
    ManageAccountRuleCode,
    RemoveAccountRule,
    UpdateAccountRule,
)
from streams.ledger.access.beginning import ACCOUNT_RULES
from tests.streams.ledger.operations.cases import Case, run_case
from tests.support.network import Network

NEW_RULE = len(ACCOUNT_RULES) + 2
RULE = AccessRule(AssetResource("EUR", None), Action.SEND, forbids=True)
UNKNOWN_KIND = AccessRule(
    RequestResource("wish", None, None, None, None, None), Action.REVIEW, forbids=False
)


def create(
    name: str = "no-euros", rule: AccessRule = RULE, details: bytes = b""
) -> ManageAccountRule:
    return ManageAccountRule(CreateAccountRule(name, rule, details, is_read_only=False))


def update(rule_id: int = NEW_RULE, name: str = "few-euros") -> ManageAccountRule:
    return ManageAccountRule(UpdateAccountRule(rule_id, name, RULE, b""))


def remove(rule_id: int = NEW_RULE) -> ManageAccountRule:
    return ManageAccountRule(RemoveAccountRule(rule_id))


def create_one(network: Network) -> None:
    network.apply("master", create())


def use_one(network: Network) -> None:
    role = CreateAccountRole(
        "poor", (NEW_RULE,), b"", None, is_read_only=False, pays_for_operations=False
    )
    network.apply("master", create(), ManageAccountRole(role))


CASES = (
    Case(
        "created",
        "master",
        lambda _: create(),
        changes=("AccountRule made", "AccessName made", "AccessCounters changed"),
    ),
    Case(
        "changed",
        "master",
        lambda _: update(),
        given=create_one,
        changes=("AccountRule changed", "AccessName made", "AccessName removed"),
    ),
    Case(
        "removed",
        "master",
        lambda _: remove(),
        given=create_one,
        changes=("AccountRule removed", "AccessName removed"),
    ),
    Case(
        "a name with a space",
        "master",
        lambda _: create("no euros"),
        ManageAccountRuleCode.INVALID_NAME,
    ),
    Case(
        "details that are not JSON",
        "master",
        lambda _: create(details=b"{"),
        ManageAccountRuleCode.INVALID_DETAILS,
    ),
    Case(
        "an unknown kind of request",
        "master",
        lambda _: create(rule=UNKNOWN_KIND),
        ManageAccountRuleCode.INVALID_RESOURCE,
    ),
    Case("no such rule", "master", lambda _: update(), ManageAccountRuleCode.NOT_FOUND),
    Case("one for ever", "master", lambda _: update(1), ManageAccountRuleCode.READ_ONLY),
    Case(
        "another's name",
        "master",
        lambda _: update(name="anything"),
        ManageAccountRuleCode.NAME_IS_TAKEN,
        given=create_one,
    ),
    Case(
        "used",
        "master",
        lambda _: remove(),
        ManageAccountRuleCode.RULE_IS_USED,
        given=use_one,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_account_rule(case: Case) -> None:
    run_case(case)

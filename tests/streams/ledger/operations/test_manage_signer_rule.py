"""ManageSignerRule, case by case."""

import pytest

from schemas.generated.bounds import DEFAULT_SIGNER_RULES_RULE_IDS_ITEMS_MAX
from schemas.generated.common import AccessRule, Action, AssetResource, RequestResource
from schemas.generated.operations import (
    CreateSignerRole,
    CreateSignerRule,
    ManageSignerRole,
    ManageSignerRule,
    ManageSignerRuleCode,
    RemoveSignerRule,
    UpdateSignerRule,
)
from tests.streams.ledger.operations.cases import Case, allow_general_anything, run_case
from tests.support.network import Network

NEW_RULE = 12
RULE = AccessRule(AssetResource("EUR", None), Action.SEND, forbids=True)
UNKNOWN_KIND = AccessRule(
    RequestResource("wish", None, None, None, None, None), Action.REVIEW, forbids=False
)


def create(
    name: str = "no-euros",
    rule: AccessRule = RULE,
    details: bytes = b"",
    *,
    is_default: bool = False,
) -> ManageSignerRule:
    return ManageSignerRule(
        CreateSignerRule(name, rule, details, is_read_only=False, is_default=is_default)
    )


def update(rule_id: int = NEW_RULE, name: str = "few-euros") -> ManageSignerRule:
    return ManageSignerRule(UpdateSignerRule(rule_id, name, RULE, b""))


def remove(rule_id: int = NEW_RULE) -> ManageSignerRule:
    return ManageSignerRule(RemoveSignerRule(rule_id))


def create_one(network: Network) -> None:
    network.apply("master", create())


def use_one(network: Network) -> None:
    role = CreateSignerRole("poor", (NEW_RULE,), b"", None, is_read_only=False)
    network.apply("master", create(), ManageSignerRole(role))


def create_default_one(network: Network) -> None:
    network.apply("master", create(is_default=True))


def create_most(network: Network) -> None:
    present = len(network.ledger.state.get_default_signer_rules().rule_ids)
    left = DEFAULT_SIGNER_RULES_RULE_IDS_ITEMS_MAX - present
    network.apply("master", *(create(f"no-{number}", is_default=True) for number in range(left)))


def allow_alice(network: Network) -> None:
    create_one(network)
    allow_general_anything(network)


CASES = (
    Case(
        "created",
        "master",
        lambda _: create(),
        changes=("SignerRule made", "AccessName made", "AccessCounters changed"),
    ),
    Case(
        "changed",
        "master",
        lambda _: update(),
        given=create_one,
        changes=("SignerRule changed", "AccessName made", "AccessName removed"),
    ),
    Case(
        "removed",
        "master",
        lambda _: remove(),
        given=create_one,
        changes=("SignerRule removed", "AccessName removed"),
    ),
    Case(
        "a name with a space",
        "master",
        lambda _: create("no euros"),
        ManageSignerRuleCode.INVALID_NAME,
    ),
    Case(
        "details that are not JSON",
        "master",
        lambda _: create(details=b"{"),
        ManageSignerRuleCode.INVALID_DETAILS,
    ),
    Case(
        "an unknown kind of request",
        "master",
        lambda _: create(rule=UNKNOWN_KIND),
        ManageSignerRuleCode.INVALID_RESOURCE,
    ),
    Case("no such rule", "master", lambda _: update(), ManageSignerRuleCode.NOT_FOUND),
    Case("one for ever", "master", lambda _: update(1), ManageSignerRuleCode.READ_ONLY),
    Case(
        "another's name",
        "master",
        lambda _: update(name="anything"),
        ManageSignerRuleCode.NAME_IS_TAKEN,
        given=create_one,
    ),
    Case(
        "used",
        "master",
        lambda _: remove(),
        ManageSignerRuleCode.RULE_IS_USED,
        given=use_one,
    ),
    Case(
        "for every role",
        "master",
        lambda _: create(is_default=True),
        changes=(
            "SignerRule made",
            "AccessName made",
            "AccessCounters changed",
            "DefaultSignerRules changed",
        ),
    ),
    Case(
        "for every role no more",
        "master",
        lambda _: remove(),
        given=create_default_one,
        changes=("SignerRule removed", "AccessName removed", "DefaultSignerRules changed"),
    ),
    Case(
        "one more than there may be",
        "master",
        lambda _: create(is_default=True),
        ManageSignerRuleCode.TOO_MANY_DEFAULT_RULES,
        given=create_most,
    ),
    Case(
        "another's",
        "alice",
        lambda _: update(),
        ManageSignerRuleCode.NOT_AUTHORIZED,
        given=allow_alice,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_manage_signer_rule(case: Case) -> None:
    run_case(case)

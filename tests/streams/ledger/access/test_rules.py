"""Default deny, what forbids wins, a property left out is any, masks, ends."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.generated.common import (
    AccessRule,
    AccountResource,
    Action,
    AnyResource,
    AssetResource,
    KeyValueResource,
    RequestResource,
)
from schemas.generated.entries import AccountRole
from streams.ledger.access.requirements import (
    make_needed_rule,
    require_account,
    require_asset,
    require_key_value,
    require_request,
)
from streams.ledger.access.rules import REMEMBERED_MAX, RoleRules, is_allowed_by

SEND_EUR = require_asset(Action.SEND, "EUR", 5)
TASKS = st.integers(0, (1 << 32) - 1)


def allow(resource: Any, action: Action = Action.ANY) -> AccessRule:
    return AccessRule(resource, action, forbids=False)


def forbid(resource: Any, action: Action = Action.ANY) -> AccessRule:
    return AccessRule(resource, action, forbids=True)


def make_reviewing(
    *, remove: int | None = None, add: int | None = None, kind: str | None = None
) -> RequestResource:
    return RequestResource(kind, None, None, add, remove, None)


def review(remove: int) -> Any:
    return require_request(Action.REVIEW, "issuance", "EUR", 5, tasks_to_remove=remove)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([], False),
        ([allow(AnyResource())], True),
        ([allow(AnyResource(), Action.RECEIVE)], False),
        ([allow(AssetResource("EUR", None))], True),
        ([allow(AssetResource("EUR", 5), Action.SEND)], True),
        ([allow(AssetResource("EUR", 6))], False),
        ([allow(AssetResource("USD", None))], False),
        ([allow(AccountResource(None))], False),
        ([allow(AnyResource()), forbid(AssetResource(None, 5))], False),
        ([forbid(AssetResource(None, 5)), allow(AnyResource())], False),
        ([allow(AnyResource()), forbid(AssetResource(None, 6))], True),
        ([allow(AnyResource()), forbid(AssetResource("EUR", None), Action.RECEIVE)], True),
    ],
)
def test_what_rules_say_of_sending_an_asset(rules: list[AccessRule], expected: bool) -> None:
    assert is_allowed_by(rules, SEND_EUR) is expected


def test_a_prefix_allows_the_keys_that_begin_so() -> None:
    rules = [allow(KeyValueResource("issuance_tasks:"))]
    assert is_allowed_by(rules, require_key_value(Action.UPDATE, "issuance_tasks:EUR"))
    assert not is_allowed_by(rules, require_key_value(Action.UPDATE, "issuance_task"))


@given(TASKS, TASKS)
def test_an_allowing_mask_holds_every_bit_that_is_asked_for(mask: int, bits: int) -> None:
    rules = [allow(make_reviewing(remove=mask))]
    assert is_allowed_by(rules, review(bits)) == (bits & mask == bits)


@given(TASKS, TASKS)
def test_a_forbidding_mask_strikes_at_any_bit(mask: int, bits: int) -> None:
    """TokenD compares both kinds alike, so that a forbidden bit passes beside another one."""
    rules = [allow(AnyResource()), forbid(make_reviewing(remove=mask))]
    assert is_allowed_by(rules, review(bits)) == (bits & mask == 0)


def test_a_request_without_an_asset_is_not_one_of_an_asset() -> None:
    requirement = require_request(Action.REVIEW, "change_role")
    eur = RequestResource(None, "EUR", None, None, None, None)
    assert not is_allowed_by([allow(eur)], requirement)
    assert is_allowed_by([allow(make_reviewing())], requirement)


def test_a_role_allows_nothing_from_its_end_on() -> None:
    role = AccountRole(9, "auditor", (), b"", 1_000, is_read_only=False, pays_for_operations=False)
    rules = RoleRules(role, [allow(AnyResource())])
    assert rules.is_allowed(SEND_EUR, 999)
    assert not rules.is_allowed(SEND_EUR, 1_000)


def test_answers_are_remembered_within_bounds() -> None:
    role = AccountRole(9, "x", (), b"", None, is_read_only=False, pays_for_operations=False)
    rules = RoleRules(role, [allow(AccountResource(7))])
    for number in range(REMEMBERED_MAX + 10):
        assert rules.is_allowed(require_account(Action.CREATE, number), 0) is (number == 7)
    assert len(rules.answers) <= REMEMBERED_MAX


def test_what_is_needed_is_a_rule_that_would_allow_it() -> None:
    for requirement in (
        SEND_EUR,
        review(8),
        require_key_value(Action.REMOVE, "k" * 200),
        require_account(Action.CREATE, None),
    ):
        assert is_allowed_by([make_needed_rule(requirement)], requirement)

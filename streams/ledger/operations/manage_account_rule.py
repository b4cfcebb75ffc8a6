"""ManageAccountRule: the rules that account roles may have."""

from msgspec.structs import replace

from schemas.generated.common import AccessKind, AccountID, Action
from schemas.generated.entries import AccessCounters, AccountRule
from schemas.generated.keys import account_rule_key
from schemas.generated.operations import (
    CreateAccountRule,
    ManageAccountRule,
    ManageAccountRuleCode,
    ManageAccountRuleResult,
    RemoveAccountRule,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.registry import (
    NAME_BYTES,
    apply_name,
    is_taken,
    is_used,
    validate_rule,
)
from streams.ledger.access.requirements import Requirements, require_account_rule
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

KIND = AccessKind.ACCOUNT_RULE
OUTPUT_BYTES = (
    compute_change_bytes(AccountRule)
    + compute_change_bytes(AccessCounters)
    + NAME_BYTES
    + EFFECT_BYTES
    + compute_result_bytes(ManageAccountRuleResult)
)


def validate(op: ManageAccountRule) -> ManageAccountRuleCode | None:
    """Checks that hold whatever the ledger says."""
    action = op.action
    if isinstance(action, RemoveAccountRule):
        return None
    code: ManageAccountRuleCode | None = validate_rule(action, ManageAccountRuleCode)
    return code


def get_requirements(
    op: ManageAccountRule,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Creating, changing or removing account rules."""
    if isinstance(op.action, CreateAccountRule):
        return (require_account_rule(Action.CREATE),)
    is_removal = isinstance(op.action, RemoveAccountRule)
    return (require_account_rule(Action.REMOVE if is_removal else Action.UPDATE),)


def apply(
    op: ManageAccountRule,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Creates, replaces or removes the rule (TokenD 1.2)."""
    action = op.action
    if isinstance(action, CreateAccountRule):
        if is_taken(delta, KIND, action.name, None):
            return refused(ManageAccountRuleCode.NAME_IS_TAKEN)
        counters = delta.get_access_counters()
        rule_id = counters.account_rule + 1
        delta.put(replace(counters, account_rule=rule_id))
        content = (action.name, action.rule, action.details, action.is_read_only)
        delta.put(AccountRule(rule_id, *content))
        apply_name(delta, KIND, rule_id, None, action.name)
        add_participant(delta, source)
        return succeeded(ManageAccountRuleResult(rule_id))
    old = delta.get_account_rule(action.rule_id)
    if old is None:
        return refused(ManageAccountRuleCode.NOT_FOUND)
    if old.is_read_only:
        return refused(ManageAccountRuleCode.READ_ONLY)
    if isinstance(action, RemoveAccountRule):
        if is_used(delta, KIND, old.rule_id):
            return refused(ManageAccountRuleCode.RULE_IS_USED)
        delta.remove(account_rule_key(old.rule_id))
        apply_name(delta, KIND, old.rule_id, old.name, None)
    else:
        if is_taken(delta, KIND, action.name, old.rule_id):
            return refused(ManageAccountRuleCode.NAME_IS_TAKEN)
        delta.put(replace(old, name=action.name, rule=action.rule, details=action.details))
        apply_name(delta, KIND, old.rule_id, old.name, action.name)
    add_participant(delta, source)
    return succeeded(ManageAccountRuleResult(old.rule_id))


def compute_output_bytes(op: ManageAccountRule, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

"""ManageSignerRule: the rules that signer roles may have, and those that every one has."""

from msgspec.structs import replace

from schemas.generated.bounds import DEFAULT_SIGNER_RULES_RULE_IDS_ITEMS_MAX
from schemas.generated.common import AccessKind, AccountID, Action
from schemas.generated.entries import AccessCounters, DefaultSignerRules, SignerRule
from schemas.generated.keys import signer_rule_key
from schemas.generated.operations import (
    CreateSignerRule,
    ManageSignerRule,
    ManageSignerRuleCode,
    ManageSignerRuleResult,
    RemoveSignerRule,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.registry import (
    NAME_BYTES,
    apply_name,
    is_taken,
    is_used,
    validate_rule,
)
from streams.ledger.access.requirements import Requirements, require_signer_rule
from streams.ledger.balances import add_participant
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState

KIND = AccessKind.SIGNER_RULE
OUTPUT_BYTES = (
    compute_change_bytes(SignerRule)
    + compute_change_bytes(AccessCounters)
    + compute_change_bytes(DefaultSignerRules)
    + NAME_BYTES
    + EFFECT_BYTES
    + compute_result_bytes(ManageSignerRuleResult)
)


def validate(op: ManageSignerRule) -> ManageSignerRuleCode | None:
    """Checks that hold whatever the ledger says."""
    action = op.action
    if isinstance(action, RemoveSignerRule):
        return None
    code: ManageSignerRuleCode | None = validate_rule(action, ManageSignerRuleCode)
    return code


def get_requirements(
    op: ManageSignerRule,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Creating, changing or removing signer rules; default ones are a resource of their own."""
    action = op.action
    if isinstance(action, CreateSignerRule):
        return (require_signer_rule(Action.CREATE, is_default=action.is_default),)
    is_default = action.rule_id in state.get_default_signer_rules().rule_ids
    verb = Action.REMOVE if isinstance(action, RemoveSignerRule) else Action.UPDATE
    return (require_signer_rule(verb, is_default=is_default),)


def apply(
    op: ManageSignerRule, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Creates, replaces or removes the rule (TokenD 1.2)."""
    action = op.action
    if isinstance(action, CreateSignerRule):
        return _apply_creation(action, source, delta)
    old = delta.get_signer_rule(action.rule_id)
    if old is None:
        return refused(ManageSignerRuleCode.NOT_FOUND)
    if old.is_read_only:
        return refused(ManageSignerRuleCode.READ_ONLY)
    if source not in (old.owner, context.ledger.settings.master_account):
        return refused(ManageSignerRuleCode.NOT_AUTHORIZED)
    if isinstance(action, RemoveSignerRule):
        if is_used(delta, KIND, old.rule_id):
            return refused(ManageSignerRuleCode.RULE_IS_USED)
        delta.remove(signer_rule_key(old.rule_id))
        apply_name(delta, KIND, old.rule_id, old.name, None)
        default = delta.get_default_signer_rules()
        left = tuple(each for each in default.rule_ids if each != old.rule_id)
        delta.put(replace(default, rule_ids=left))
    else:
        if is_taken(delta, KIND, action.name, old.rule_id):
            return refused(ManageSignerRuleCode.NAME_IS_TAKEN)
        delta.put(replace(old, name=action.name, rule=action.rule, details=action.details))
        apply_name(delta, KIND, old.rule_id, old.name, action.name)
    add_participant(delta, source)
    return succeeded(ManageSignerRuleResult(old.rule_id))


def _apply_creation(
    action: CreateSignerRule, source: AccountID, delta: LedgerDelta
) -> OperationResult:
    default = delta.get_default_signer_rules()
    if action.is_default and len(default.rule_ids) == DEFAULT_SIGNER_RULES_RULE_IDS_ITEMS_MAX:
        return refused(ManageSignerRuleCode.TOO_MANY_DEFAULT_RULES)
    if is_taken(delta, KIND, action.name, None):
        return refused(ManageSignerRuleCode.NAME_IS_TAKEN)
    counters = delta.get_access_counters()
    rule_id = counters.signer_rule + 1
    delta.put(replace(counters, signer_rule=rule_id))
    content = (action.name, source, action.rule, action.details, action.is_read_only)
    delta.put(SignerRule(rule_id, *content))
    apply_name(delta, KIND, rule_id, None, action.name)
    if action.is_default:
        delta.put(replace(default, rule_ids=(*default.rule_ids, rule_id)))
    add_participant(delta, source)
    return succeeded(ManageSignerRuleResult(rule_id))


def compute_output_bytes(op: ManageSignerRule, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES

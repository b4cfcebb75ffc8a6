"""What managing account roles and managing signer roles have in common."""

from typing import Any, NamedTuple

from schemas.generated.bounds import ACCOUNT_ROLE_RULE_IDS_ITEMS_MAX
from schemas.generated.common import AccessKind
from schemas.generated.entries import AccessCounters
from schemas.generated.keys import account_role_key, signer_role_key
from schemas.json_text import is_json_text
from streams.ledger.access.registry import (
    NAME_BYTES,
    USE_BYTES,
    apply_name,
    count_uses,
    is_taken,
    is_used,
)
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_word

ROLE_BYTES = compute_change_bytes(AccessCounters) + NAME_BYTES
RULES_MAX = ACCOUNT_ROLE_RULE_IDS_ITEMS_MAX


class RoleLayer(NamedTuple):
    """One of the two layers. `codes`: the operation's enum."""

    kind: AccessKind
    rule_kind: AccessKind
    codes: Any

    def get_rule(self, state: LedgerState, rule_id: int) -> Any:
        if self.rule_kind is AccessKind.ACCOUNT_RULE:
            return state.get_account_rule(rule_id)
        return state.get_signer_rule(rule_id)


def validate_role(action: Any, codes: Any) -> Any:
    """Of an action that gives a role its content."""
    if not is_word(action.name):
        return codes.INVALID_NAME
    if not is_json_text(action.details):
        return codes.INVALID_DETAILS
    if len(set(action.rule_ids)) != len(action.rule_ids):
        return codes.RULE_DUPLICATION
    return None


def compute_content_refusal(
    state: LedgerState, layer: RoleLayer, role_id: int | None, action: Any
) -> Any:
    """Why the role may not have this name and these rules. `role_id`: None for a new one."""
    if is_taken(state, layer.kind, action.name, role_id):
        return layer.codes.NAME_IS_TAKEN
    if any(layer.get_rule(state, each) is None for each in action.rule_ids):
        return layer.codes.NO_SUCH_RULE
    return None


def compute_removal_refusal(state: LedgerState, layer: RoleLayer, role_id: int) -> Any:
    return layer.codes.ROLE_IS_USED if is_used(state, layer.kind, role_id) else None


def apply_role(delta: LedgerDelta, layer: RoleLayer, old: Any, new: Any) -> None:
    """Puts `new` in the place of `old`; either may be None. Names and uses of rules follow."""
    role_id = (new or old).role_id
    names = (None if old is None else old.name, None if new is None else new.name)
    apply_name(delta, layer.kind, role_id, *names)
    before = set() if old is None else set(old.rule_ids)
    after = set() if new is None else set(new.rule_ids)
    count_uses(delta, layer.rule_kind, sorted(before - after), -1)
    count_uses(delta, layer.rule_kind, sorted(after - before), 1)
    if new is not None:
        delta.put(new)
    elif layer.kind is AccessKind.ACCOUNT_ROLE:
        delta.remove(account_role_key(role_id))
    else:
        delta.remove(signer_role_key(role_id))


def compute_use_bytes(action: Any) -> int:
    """The most bytes that counting the uses of rules adds: those it had and those it gets."""
    return (RULES_MAX + len(getattr(action, "rule_ids", ()))) * USE_BYTES

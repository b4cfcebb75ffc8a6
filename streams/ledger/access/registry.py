"""Roles and rules as entries: their names are unique, their uses counted, their content sane."""

from collections.abc import Iterable
from typing import Any

from schemas.contract import REQUESTS
from schemas.generated.common import AccessKind, AccessRule
from schemas.generated.entries import AccessName, AccessUse
from schemas.generated.keys import access_name_key, access_use_key
from schemas.json_text import is_json_text
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_asset_code, is_plain, is_word

NAME_BYTES = compute_change_bytes(AccessName, 2)
USE_BYTES = compute_change_bytes(AccessUse)
KINDS_OF_REQUEST = frozenset(row.stem for row in REQUESTS)


def is_sane(rule: AccessRule) -> bool:
    """Whether what it names can exist."""
    for name in rule.resource.__struct_fields__:
        value = getattr(rule.resource, name)
        if name in ("asset", "base", "quote") and value is not None and not is_asset_code(value):
            return False
        if name == "kind" and value is not None and value not in KINDS_OF_REQUEST:
            return False
        if isinstance(value, str) and not is_plain(value):
            return False
    return True


def validate_rule(action: Any, codes: Any) -> Any:
    """Of an action that gives a rule its content. `codes`: the operation's enum."""
    if not is_word(action.name):
        return codes.INVALID_NAME
    if not is_json_text(action.details):
        return codes.INVALID_DETAILS
    return None if is_sane(action.rule) else codes.INVALID_RESOURCE


def is_taken(state: LedgerState, kind: AccessKind, name: str, id_: int | None) -> bool:
    """Whether another than the one numbered `id_` has the name."""
    found = state.get_access_name(kind, name)
    return found is not None and found.id != id_


def apply_name(
    delta: LedgerDelta, kind: AccessKind, id_: int, old: str | None, new: str | None
) -> None:
    """Gives the name `old` free and takes `new`."""
    if old == new:
        return
    if old is not None:
        delta.remove(access_name_key(kind, old))
    if new is not None:
        delta.put(AccessName(kind, new, id_))


def is_used(state: LedgerState, kind: AccessKind, id_: int) -> bool:
    return state.get_access_use(kind, id_) is not None


def count_uses(delta: LedgerDelta, kind: AccessKind, ids: Iterable[int], difference: int) -> None:
    """Adds `difference` to the uses of each of `ids`."""
    for id_ in ids:
        found = delta.get_access_use(kind, id_)
        count = difference + (0 if found is None else found.count)
        if count:
            delta.put(AccessUse(kind, id_, count))
        else:
            delta.remove(access_use_key(kind, id_))

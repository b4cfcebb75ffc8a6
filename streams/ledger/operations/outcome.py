"""How an operation says what came of it."""

from typing import Any, TypeAlias

from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Reference
from schemas.generated.transactions import (
    AccessRefused,
    FeesDue,
    FirstUse,
    FulfilmentRefused,
    LimitExceeded,
    OperationResult,
    RefusalDetail,
)
from streams.ledger.access.requirements import Requirement, make_needed_rule
from streams.ledger.context import TransactionContext
from streams.ledger.prices import PriceProblem
from streams.ledger.references import is_in_window
from streams.ledger.state import LedgerState

Detail: TypeAlias = FirstUse | AccessRefused | FulfilmentRefused | FeesDue | LimitExceeded


def refused(code: Any, detail: Detail | None = None) -> OperationResult:
    """A refusal by one of the operation's codes."""
    return OperationResult(code, None if detail is None else RefusalDetail(detail))


def refused_access(code: Any, account_id: AccountID, requirement: Requirement) -> OperationResult:
    """A refusal because the role of `account_id` does not allow something."""
    return refused(code, AccessRefused(account_id, make_needed_rule(requirement)))


def refused_limits(codes: Any, why: LimitExceeded | PriceProblem) -> OperationResult:
    """A refusal because of a limit, or for want of a price to count by. `codes`: the operation's
    enum."""
    if isinstance(why, PriceProblem):
        return refused(codes[why.name])
    return refused(codes.LIMITS_EXCEEDED, why)


def succeeded(result: Any) -> OperationResult:
    """Success with the operation's payload."""
    return OperationResult(result, None)


def compute_reference_refusal(
    codes: Any,
    kind: ReferenceKind,
    source: AccountID,
    reference: Reference,
    state: LedgerState,
    context: TransactionContext,
) -> OperationResult | None:
    """Why `source` may not use `reference` in this ledger. `codes`: the operation's enum."""
    settings = context.ledger.settings
    if not is_in_window(settings, kind, reference.day, context.ledger.close_time_ms):
        return refused(codes.REFERENCE_OUT_OF_WINDOW)
    first = state.references.get_first_use(kind, source, reference.text)
    if first is not None:
        return refused(codes.REFERENCE_DUPLICATION, FirstUse(first))
    if state.references.get_count(kind, source, reference.day) >= settings.references_per_day:
        return refused(codes.REFERENCE_QUOTA_EXCEEDED)
    return None

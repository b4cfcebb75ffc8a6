"""How an operation says what came of it."""

from typing import Any

from schemas.generated.transactions import OperationResult, TransactionReference


def refused(code: Any, first: TransactionReference | None = None) -> OperationResult:
    """A refusal by one of the operation's codes; `first` only with REFERENCE_DUPLICATION."""
    return OperationResult(code, first)


def succeeded(result: Any) -> OperationResult:
    """Success with the operation's payload."""
    return OperationResult(result, None)

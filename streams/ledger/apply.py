"""Applying one transaction: all of its operations or none."""

from enum import Enum

import msgspec

from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import ParticipantEffect
from schemas.generated.transactions import (
    Operation,
    OperationCode,
    OperationResult,
    Transaction,
    TransactionCode,
    TransactionResult,
)
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.admission import Candidate
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.operation_fees import charge_operation
from streams.ledger.operations.outcome import refused, refused_access
from streams.ledger.operations.table import OPERATIONS
from streams.ledger.requests.governed_change import is_guarded
from streams.ledger.state import LedgerDelta, LedgerState

FATAL = (InvariantViolation, MemoryError, RecursionError)
Change = tuple[KeyBytes, bytes | None, bytes | None]  # key, entry bytes before, after


class Applied(msgspec.Struct, frozen=True):
    """What came of one transaction of a set."""

    candidate: Candidate
    result: TransactionResult
    changes: list[Change]
    effects: list[ParticipantEffect]
    defect: Exception | None = None  # what led to INTERNAL_ERROR, for the alarm


def apply_transaction(
    state: LedgerState, candidate: Candidate, context: TransactionContext, *, is_kept: bool = True
) -> Applied:
    """Applies, or takes everything back. A defect of ours inside one transaction fails that one.

    `is_kept` False: takes it back also if it succeeds, and tells no changes; nothing is raised but
    MemoryError, for the ledger is as it was.
    """
    delta = LedgerDelta(state)
    try:
        results = _apply_operations(candidate.transaction, delta, context)
        is_refused = isinstance(results[-1].outcome, Enum)
        changes = delta.commit() if is_kept and not is_refused else []
    except Exception as defect:
        delta.roll_back()
        if isinstance(defect, FATAL if is_kept else MemoryError):
            raise
        result = TransactionResult(TransactionCode.INTERNAL_ERROR, ())
        return Applied(candidate, result, [], [], defect)
    if is_refused:
        delta.roll_back()
        failed = _get_failed_results(results, candidate.transaction)
        return Applied(candidate, TransactionResult(TransactionCode.FAILED, failed), [], [])
    result = TransactionResult(TransactionCode.SUCCESS, tuple(results))
    applied = Applied(candidate, result, changes, delta.effects)
    if not is_kept:
        delta.roll_back()
    return applied


def _apply_operations(
    transaction: Transaction, delta: LedgerDelta, context: TransactionContext
) -> list[OperationResult]:
    """Results up to and including the first refusal."""
    results = []
    for index, operation in enumerate(transaction.operations):
        delta.operation_index = index
        result = _apply_operation(operation, transaction, delta, context)
        results.append(result)
        if isinstance(result.outcome, Enum):
            break
    return results


def _apply_operation(
    operation: Operation, transaction: Transaction, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    kind = OPERATIONS[type(operation.body)]
    source = operation.source or transaction.source_account
    code = kind.validate(operation.body)
    if code is not None:
        return refused(code)
    if is_guarded(operation.body, delta):
        return refused(OperationCode.GOVERNED_CHANGE_NEEDED)
    requirements = kind.get_requirements(operation.body, source, delta)
    if requirements is None:
        return refused(OperationCode.NO_ENTRY)
    for requirement in requirements:
        if not is_account_allowed(delta, source, requirement, context):
            return refused_access(OperationCode.NO_ROLE_PERMISSION, source, requirement)
    refusal = charge_operation(operation.body, source, delta, context)
    if refusal is not None:
        return refusal
    return kind.apply(operation.body, source, delta, context)


def _get_failed_results(
    results: list[OperationResult], transaction: Transaction
) -> tuple[OperationResult, ...]:
    """The refusal in its place; before it what was taken back, after it what never ran."""
    before = [refused(OperationCode.ROLLED_BACK)] * (len(results) - 1)
    after = [refused(OperationCode.SKIPPED)] * (len(transaction.operations) - len(results))
    return (*before, results[-1], *after)

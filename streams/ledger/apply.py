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

Change = tuple[KeyBytes, bytes | None, bytes | None]  # key, entry bytes before, after


class Applied(msgspec.Struct, frozen=True):
    """What came of one transaction of a set."""

    candidate: Candidate
    result: TransactionResult
    changes: list[Change]
    effects: list[ParticipantEffect]
    defect: Exception | None = None  # what led to INTERNAL_ERROR, for the alarm


def apply_transaction(
    state: LedgerState, candidate: Candidate, context: TransactionContext
) -> Applied:
    """Applies, or takes everything back. A defect of ours inside one transaction fails that one."""
    delta = LedgerDelta(state)
    try:
        results = apply_operations(candidate.transaction, delta, context)
        is_refused = isinstance(results[-1].outcome, Enum)
        changes = [] if is_refused else delta.commit()
    except (InvariantViolation, MemoryError, RecursionError):
        raise
    except Exception as defect:
        delta.roll_back()
        result = TransactionResult(TransactionCode.INTERNAL_ERROR, ())
        return Applied(candidate, result, [], [], defect)
    if not is_refused:
        result = TransactionResult(TransactionCode.SUCCESS, tuple(results))
        return Applied(candidate, result, changes, delta.effects)
    delta.roll_back()
    result = TransactionResult(
        TransactionCode.FAILED, get_failed_results(results, candidate.transaction)
    )
    return Applied(candidate, result, [], [])


def apply_operations(
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


def get_failed_results(
    results: list[OperationResult], transaction: Transaction
) -> tuple[OperationResult, ...]:
    """The refusal in its place; before it what was taken back, after it what never ran."""
    before = [refused(OperationCode.ROLLED_BACK)] * (len(results) - 1)
    after = [refused(OperationCode.SKIPPED)] * (len(transaction.operations) - len(results))
    return (*before, results[-1], *after)

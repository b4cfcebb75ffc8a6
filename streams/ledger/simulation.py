"""What a transaction would do in the next ledger, without doing it."""

from enum import Enum
from typing import NamedTuple

from schemas.generated.ledger import ParticipantEffect
from schemas.generated.transactions import TransactionCode, TransactionResult
from streams.ledger.admission import Candidate
from streams.ledger.apply import apply_operations, get_failed_results
from streams.ledger.close import Ledger, get_next_context
from streams.ledger.context import TransactionContext
from streams.ledger.state import LedgerDelta


class Simulated(NamedTuple):
    """What would come of it, if it were alone in the ledger that follows `sequence`."""

    sequence: int
    close_time_ms: int
    result: TransactionResult
    effects: list[ParticipantEffect]


def simulate_transaction(ledger: Ledger, candidate: Candidate, close_time_ms: int) -> Simulated:
    """Applies it and takes it back; the ledger is as it was. Neither its signatures nor its times
    are judged here; who signed counts as a reviewer. A defect of ours is the result INTERNAL_ERROR,
    as in a ledger."""
    context = TransactionContext(
        get_next_context(ledger, close_time_ms), candidate.transaction_hash, candidate.signers
    )
    delta = LedgerDelta(ledger.state)
    effects: list[ParticipantEffect] = []
    try:
        results = apply_operations(candidate.transaction, delta, context)
        if isinstance(results[-1].outcome, Enum):
            failed = get_failed_results(results, candidate.transaction)
            result = TransactionResult(TransactionCode.FAILED, failed)
        else:
            result = TransactionResult(TransactionCode.SUCCESS, tuple(results))
            effects = list(delta.effects)
    except MemoryError:
        raise
    except Exception:
        result = TransactionResult(TransactionCode.INTERNAL_ERROR, ())
    finally:
        delta.roll_back()
    return Simulated(ledger.header.sequence, close_time_ms, result, effects)

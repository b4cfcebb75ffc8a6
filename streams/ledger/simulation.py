"""What a transaction would do in the next ledger, without doing it."""

from typing import NamedTuple

from schemas.generated.ledger import ParticipantEffect
from schemas.generated.transactions import TransactionResult
from streams.ledger.admission import Candidate
from streams.ledger.apply import apply_transaction
from streams.ledger.close import Ledger, get_next_context
from streams.ledger.context import TransactionContext


class Simulated(NamedTuple):
    """What would come of it, if it were alone in the ledger that follows `sequence`."""

    sequence: int
    close_time_ms: int
    result: TransactionResult
    effects: list[ParticipantEffect]
    defect: Exception | None


def simulate_transaction(ledger: Ledger, candidate: Candidate, close_time_ms: int) -> Simulated:
    """Applies it and takes it back; the ledger is as it was. Neither its signatures nor its times
    are judged here; who signed counts as a reviewer. A defect of ours is the result INTERNAL_ERROR,
    as in a ledger."""
    context = TransactionContext(
        get_next_context(ledger, close_time_ms), candidate.transaction_hash, candidate.signers
    )
    applied = apply_transaction(ledger.state, candidate, context, is_kept=False)
    sequence = ledger.header.sequence
    return Simulated(sequence, close_time_ms, applied.result, applied.effects, applied.defect)

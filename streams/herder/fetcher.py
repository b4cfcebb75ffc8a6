"""Getting the transaction sets that consensus speaks of and that did not come by themselves. Pure.

Whoever speaks of a set is asked for it, in turn, until it is here and whole. It knows nothing of
what a set is wanted for.
"""

from collections.abc import Iterable

from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Statement
from schemas.generated.overlay import Message, SetRequest
from streams.consensus.claims import get_values
from streams.herder.lanes import Lane
from streams.herder.outputs import Broadcast, Output, Send, StartTimer, Timer, TimerName
from streams.herder.transaction_sets import Question, TransactionSets
from streams.herder.values import decode_value

FIRST_MS, AGAIN_MS = 100, 500


class Fetcher:
    """Asks on behalf of `sets`; one timer for each slot that lacks something."""

    def __init__(self, sets: TransactionSets) -> None:
        self._sets = sets
        self._running: set[int] = set()  # slots whose timer runs

    def want(self, open_slot: int, statement: Statement, source: PublicKey | None) -> list[Output]:
        """A statement, of the open slot or the next, names sets; `source` is who said so."""
        if not open_slot <= statement.slot <= open_slot + 1:
            return []
        outputs: list[Output] = []
        for value in get_values(statement.pledges):
            decoded = decode_value(value)
            if decoded is not None:
                outputs += self.pursue(statement.slot, decoded.set_hash, source)
        return outputs

    def pursue(self, slot: int, set_hash: Hash, source: PublicKey | None) -> list[Output]:
        """Asks for the set at once when nothing of it is here; for what it lacks after a while."""
        if self._sets.is_complete(set_hash):
            return []
        outputs: list[Output] = []
        if self._sets.pursue(slot, set_hash, source) and source is not None:
            outputs.append(Send(source, Lane.REPLIES, Message(SetRequest(set_hash))))
        if slot not in self._running:
            self._running.add(slot)
            outputs.append(StartTimer(Timer(TimerName.FETCH, slot), FIRST_MS))
        return outputs

    def note_unknown(self, set_hash: Hash, peer: PublicKey) -> list[Output]:
        """`peer` does not have the set: somebody else is asked at once."""
        return _send(self._sets.note_unknown(set_hash, peer))

    def fire(self, slot: int, open_slot: int) -> list[Output]:
        """Asks again, as long as the slot is not closed."""
        self._running.discard(slot)
        questions = self._sets.ask_again(slot) if slot >= open_slot else []
        outputs = _send(questions)
        if questions:
            self._running.add(slot)
            outputs.append(StartTimer(Timer(TimerName.FETCH, slot), AGAIN_MS))
        return outputs


def _send(questions: Iterable[Question]) -> list[Output]:
    return [
        Broadcast(Lane.REPLIES, message) if peer is None else Send(peer, Lane.REPLIES, message)
        for peer, message in questions
    ]

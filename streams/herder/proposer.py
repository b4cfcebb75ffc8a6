"""When the open slot is started, and with which value. Pure.

A slot starts on work, on a peer's nomination or on the heartbeat, never before the network's
minimum interval has passed. What is proposed is a transaction set of this node's queue, with the
upgrades that its operator votes for; it knows nothing of how others vote.
"""

from dataclasses import dataclass

from schemas.codec import encode
from schemas.generated.consensus import ScpValue
from schemas.generated.overlay import TransactionSet
from streams.herder.intake import Intake
from streams.herder.outputs import Output
from streams.herder.transaction_sets import TransactionSets
from streams.herder.votes import Votes
from streams.ledger.close import Ledger
from streams.ledger.hashes import compute_set_hash


@dataclass(frozen=True, slots=True)
class Proposal:
    """`value`: ScpValue bytes; `transaction_set` is None for the empty set; `outputs` tell what
    was found to be invalid on the way."""

    value: bytes
    transaction_set: TransactionSet | None
    outputs: list[Output]


class Proposer:
    """The open slot, until this node nominates in it."""

    def __init__(self, ledger: Ledger, sets: TransactionSets, intake: Intake, votes: Votes) -> None:
        self._ledger = ledger
        self._sets = sets
        self._intake = intake
        self._votes = votes
        self._closed_at_ms = 0  # this node's clock when it closed the last ledger
        self.is_started = False  # this node nominates in the open slot
        self.is_called = False  # a peer does

    def note_closed(self, now_ms: int) -> None:
        """The last ledger was closed now: the open slot is a new one."""
        self._closed_at_ms = now_ms
        self.is_started = self.is_called = False

    def note_time(self, now_ms: int) -> None:
        """A clock that was set back must not make the node wait until it is where it was."""
        self._closed_at_ms = min(self._closed_at_ms, now_ms)

    def get_silent_ms(self, now_ms: int) -> int:
        """How long no ledger was closed."""
        return now_ms - self._closed_at_ms

    def get_wait_ms(self, now_ms: int) -> int:
        """How long this node must wait before it may start the open slot; not positive: now."""
        settings = self._ledger.state.get_network_settings()
        has_work = self.is_called or len(self._intake.queue) > 0
        wait_ms = settings.minimum_interval_ms if has_work else settings.heartbeat_ms
        return wait_ms - self.get_silent_ms(now_ms)

    def propose(self, now_ms: int) -> Proposal:
        """Chooses a set from the queue for the open slot."""
        self.is_started = True
        header, header_hash = self._ledger.header, self._ledger.header_hash
        interval_ms = self._ledger.state.get_network_settings().minimum_interval_ms
        close_time_ms = max(now_ms, header.close_time_ms + interval_ms)
        choice = self._intake.choose(close_time_ms)
        outputs = self._intake.drop_rejected(choice)
        hashes = tuple(sorted(each.envelope_hash for each in choice.candidates))
        upgrades = self._votes.get_due(self._ledger.state, header.sequence + 1, close_time_ms)
        set_hash = compute_set_hash(header_hash, hashes)
        value = ScpValue(header_hash, set_hash, close_time_ms, upgrades)
        if not hashes:
            return Proposal(encode(value), None, outputs)
        transaction_set = TransactionSet(header_hash, hashes)
        self._sets.add(header.sequence + 1, transaction_set, self._intake.queue)
        return Proposal(encode(value), transaction_set, outputs)

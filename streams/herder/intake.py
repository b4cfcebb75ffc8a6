"""Transactions on their way to the queue, and between peers. Pure.

What comes in here has true signatures. The intake judges it against the last ledger, keeps it or
says why not, and spreads word of it.
"""

from collections.abc import Iterable

from schemas.generated.common import Hash, PublicKey
from schemas.generated.events import RejectionCode
from schemas.generated.overlay import (
    AdvertTransactions,
    DemandTransactions,
    Message,
    Transactions,
)
from streams.herder.flood import DEMAND_DELAY_MS, Flood
from streams.herder.lanes import Lane
from streams.herder.outputs import (
    Broadcast,
    Output,
    Processed,
    Reject,
    Send,
    StartTimer,
    Timer,
    TimerName,
)
from streams.herder.queue import PROVISIONAL, Choice, TransactionQueue
from streams.herder.transaction_sets import TransactionSets
from streams.ledger.admission import Candidate, RejectionReason
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.membership import compute_rejection

REPLY_BYTES_MAX = 4 * 1024 * 1024
RECENT_LEDGERS = 32


class Intake:
    """The queue, the flood, and the memory of what was closed lately."""

    def __init__(
        self, ledger: Ledger, sets: TransactionSets, transactions_max: int, is_flooding: bool
    ) -> None:
        self._ledger = ledger
        self._sets = sets
        self._is_flooding = is_flooding
        self.queue = TransactionQueue(transactions_max)
        self.flood = Flood()
        self._recent: list[set[Hash]] = []  # envelope hashes of the newest ledgers
        self._closed: set[Hash] = set()
        self._is_demand_due = False  # its timer runs

    def admit(self, candidates: Iterable[Candidate]) -> tuple[list[Output], bool]:
        """Keeps or rejects; the second value tells whether a set was completed."""
        outputs: list[Output] = []
        closed: list[Hash] = []
        completed = False
        for candidate in candidates:
            self.flood.forget(candidate.envelope_hash)
            is_wanted = self._sets.is_wanted(candidate.envelope_hash)
            completed = self._sets.add_candidate(candidate) or completed
            if self.queue.get(candidate.envelope_hash) is not None:
                continue
            if candidate.envelope_hash in self._closed:
                closed.append(candidate.envelope_hash)
                continue
            rejection = self._keep(candidate, is_wanted)
            if rejection is None:
                if self._is_flooding:
                    self.flood.advertise(candidate.envelope_hash)
            else:
                outputs.append(Reject(candidate.envelope_hash, rejection))
        if closed:
            outputs.append(Processed(tuple(closed)))
        outputs.extend(
            Broadcast(Lane.ADVERTS, Message(AdvertTransactions(hashes)))
            for hashes in self.flood.take_adverts()
        )
        return outputs, completed

    def _keep(self, candidate: Candidate, is_wanted: bool) -> RejectionReason | None:
        header, state = self._ledger.header, self._ledger.state
        close_time_ms = header.close_time_ms + state.get_network_settings().minimum_interval_ms
        rejection = compute_rejection(state, self._ledger.window, candidate, close_time_ms)
        if rejection is not None and rejection.code not in PROVISIONAL | {
            RejectionCode.TOO_FAR_AHEAD
        }:
            return rejection
        return self.queue.add(candidate, is_wanted)

    def is_known(self, envelope_hash: Hash) -> bool:
        """Whether an envelope need not come here again: not so while a set lacks it."""
        if self._sets.is_wanted(envelope_hash):
            return False
        return self.queue.get(envelope_hash) is not None or envelope_hash in self._closed

    def is_closed(self, envelope_hash: Hash) -> bool:
        """Whether one of the newest ledgers has it."""
        return envelope_hash in self._closed

    def choose(self, close_time_ms: int) -> Choice:
        return self.queue.choose(self._ledger, close_time_ms)

    def drop_rejected(self, choice: Choice) -> list[Output]:
        return [
            Reject(candidate.envelope_hash, rejection) for candidate, rejection in choice.rejected
        ]

    def note_closed(self, closed: ClosedLedger) -> list[Output]:
        """The ledger's transactions leave the queue, with every other envelope of theirs."""
        closed_in_order = tuple(applied.candidate.envelope_hash for applied in closed.applied)
        hashes = set(closed_in_order)
        self._recent.append(hashes)
        self._closed |= hashes
        if len(self._recent) > RECENT_LEDGERS:
            self._closed -= self._recent.pop(0)
        outputs: list[Output] = [Processed(closed_in_order)] if hashes else []
        for applied in closed.applied:
            transaction_hash = applied.candidate.transaction_hash
            for candidate in self.queue.remove_transaction(transaction_hash):
                if candidate.envelope_hash in hashes:
                    continue
                rejection = RejectionReason(
                    RejectionCode.DUPLICATE, "another envelope was closed", transaction_hash
                )
                outputs.append(Reject(candidate.envelope_hash, rejection))
        return outputs

    def receive_advert(
        self, peer: PublicKey, advert: AdvertTransactions, now_ms: int
    ) -> list[Output]:
        for envelope_hash in advert.envelope_hashes:
            if not self.is_known(envelope_hash):
                self.flood.want(envelope_hash, peer, now_ms)
        return self._wait_to_demand()

    def _wait_to_demand(self) -> list[Output]:
        """A running timer is left alone: adverts that come faster would put it off for ever."""
        if self._is_demand_due or not self.flood.is_waiting:
            return []
        self._is_demand_due = True
        return [StartTimer(Timer(TimerName.DEMAND, 0), DEMAND_DELAY_MS)]

    def fire_demand(self, now_ms: int) -> list[Output]:
        self._is_demand_due = False
        outputs: list[Output] = [
            Send(peer, Lane.REPLIES, Message(DemandTransactions(hashes)))
            for peer, hashes in self.flood.take_demands(now_ms)
        ]
        return outputs + self._wait_to_demand()

    def receive_demand(self, peer: PublicKey, demand: DemandTransactions) -> list[Output]:
        """Answers with what is here, in replies of bounded size."""
        outputs: list[Output] = []
        batch: list[bytes] = []
        size = 0
        for envelope_hash in demand.envelope_hashes:
            envelope = self._find_envelope(envelope_hash)
            if envelope is None:
                continue
            batch.append(envelope)
            size += len(envelope)
            if size > REPLY_BYTES_MAX:
                outputs.append(Send(peer, Lane.REPLIES, Message(Transactions(tuple(batch)))))
                batch, size = [], 0
        if batch:
            outputs.append(Send(peer, Lane.REPLIES, Message(Transactions(tuple(batch)))))
        return outputs

    def _find_envelope(self, envelope_hash: Hash) -> bytes | None:
        candidate = self.queue.get(envelope_hash) or self._sets.find_candidate(envelope_hash)
        return None if candidate is None else candidate.envelope

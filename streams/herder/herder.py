"""The herder: one validator's decisions, between consensus and the ledger. Pure.

Every public method is told the time, changes the herder and returns, in order, what the shell has
to do (`outputs`). The herder follows SCP, closes what was externalized, signs it, and finds its way
back when it has fallen behind. When a ledger is started, and with what, is the proposer's matter.
It has no clock, no socket and no database, so the simulator runs exactly this code.
"""

from collections.abc import Callable, Iterable
from typing import Any

from nacl.signing import SigningKey

from schemas.codec import Malformed, decode
from schemas.generated import overlay
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import Nominate, ScpValue, Statement
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerRecord
from schemas.generated.overlay import Message, SetRequest, SetUnknown, TransactionSet
from streams.consensus.quorum_set import get_nodes
from streams.herder.agreement import TIMER_KINDS, Agreement
from streams.herder.catch_up import CatchUp, close_again
from streams.herder.certifier import Certifier
from streams.herder.fetcher import Fetcher
from streams.herder.intake import Intake
from streams.herder.lanes import Lane
from streams.herder.outputs import (
    Alarm,
    Broadcast,
    Commit,
    Output,
    Send,
    StartTimer,
    Timer,
    TimerName,
)
from streams.herder.proposer import Proposer
from streams.herder.restored import ClosedSet, Restored
from streams.herder.transaction_sets import TransactionSets
from streams.herder.values import Values
from streams.herder.votes import Vote, Votes
from streams.ledger.admission import Candidate, validate_envelope
from streams.ledger.chain import ForgedLedger
from streams.ledger.close import ClosedLedger, Ledger, close_ledger
from streams.ledger.hashes import compute_set_hash

SLOTS_KEPT = 12  # behind the open one, for peers that are a little late
RESEND_MS = 1_000


class Herder:
    """One node. `ledger` is the last one it closed, or the genesis."""

    def __init__(
        self,
        ledger: Ledger,
        signing_key: SigningKey,
        transactions_max: int = 8_000,
        is_flooding: bool = True,
    ) -> None:
        self.ledger = ledger
        self.network_id = ledger.header.network_id
        self.quorum_set = ledger.state.get_validators().quorum_set
        self.catch_up = CatchUp()
        node_id = PublicKey(bytes(signing_key.verify_key))
        self._sets = TransactionSets(frozenset(get_nodes(self.quorum_set)) - {node_id})
        self._fetcher = Fetcher(self._sets)
        self.votes = Votes()
        self._values = Values(ledger, self._sets, self.votes)
        self.intake = Intake(ledger, self._sets, transactions_max, is_flooding)
        self.agreement = Agreement(
            self.network_id, signing_key, self.quorum_set, self._values, self._sets
        )
        self.certifier = Certifier(self.network_id, signing_key)
        self.proposer = Proposer(ledger, self._sets, self.intake, self.votes)

    @property
    def open_slot(self) -> int:
        return self.ledger.header.sequence + 1

    def start(self, restored: Restored, now_ms: int) -> list[Output]:
        """Begins, or goes on after a restart, with what was made durable."""
        self._set_time(now_ms)
        self.proposer.note_closed(now_ms)
        self.votes.replace(restored.votes)
        outputs = self.agreement.purge(max(0, self.open_slot - SLOTS_KEPT))
        for row in restored.sets:
            self._restore_set(row.slot, row.envelopes)
        for each in restored.closed_sets:
            self._restore_closed_set(each)
        statements = [decode(Statement, row.statement) for row in restored.statements]
        outputs += self.agreement.restore(statements)
        for closed in restored.uncertified:
            outputs += self.certifier.restore(closed, self.quorum_set)
        outputs.append(StartTimer(Timer(TimerName.RESEND, 0), RESEND_MS))
        return outputs + self._take_up() + self._advance(now_ms)

    def _set_time(self, now_ms: int) -> None:
        self._values.now_ms = now_ms
        self.proposer.note_time(now_ms)

    def admit(self, candidates: Iterable[Candidate], now_ms: int) -> list[Output]:
        """Takes candidates whose signatures were verified, from anywhere."""
        self._set_time(now_ms)
        outputs, has_completed = self.intake.admit(candidates)
        if has_completed:
            outputs += self._revalidate()
        return outputs + self._advance(now_ms)

    def connect(self, peer: PublicKey, now_ms: int) -> list[Output]:
        """A peer is connected: tells it where we are and asks where it is."""
        del now_ms
        request = Message(overlay.StateRequest(self.open_slot))
        return [*self._get_state(peer, self.open_slot), Send(peer, Lane.SCP, request)]

    def disconnect(self, peer: PublicKey) -> list[Output]:
        """The peer is gone: it is no longer asked for what it is ahead with."""
        self.catch_up.forget(peer)
        return []

    def vote(self, votes: Iterable[Vote], now_ms: int) -> list[Output]:
        """The operator's votes for upgrades, all of them, from now on."""
        self._set_time(now_ms)
        self.votes.replace(votes)
        return self._advance(now_ms)

    def receive(self, peer: PublicKey, message: Message, now_ms: int) -> list[Output]:
        """A message of an authenticated peer. Requests for stored ledgers are the shell's."""
        self._set_time(now_ms)
        return HANDLERS[type(message.body)](self, peer, message.body, now_ms)

    def fire(self, timer: Timer, now_ms: int) -> list[Output]:
        """A timer has run out."""
        self._set_time(now_ms)
        match timer.name:
            case TimerName.NOMINATION | TimerName.BALLOT:
                kind = TIMER_KINDS[timer.name]
                found = self.agreement.scp.fire_timer(timer.slot, kind, timer.number)
                return self.agreement.translate(found) + self._advance(now_ms)
            case TimerName.TRIGGER:
                return self._advance(now_ms)
            case TimerName.FETCH:
                outputs = self._fetcher.fire(timer.slot, self.open_slot)
                return outputs + self._revalidate() + self._advance(now_ms)
            case TimerName.DEMAND:
                return self.intake.fire_demand(now_ms)
            case TimerName.RESEND:
                return self._resend(now_ms)
            case TimerName.CATCH_UP:
                return self.catch_up.fire(self.open_slot)

    # Messages of peers

    def _receive_statements(
        self, peer: PublicKey, body: overlay.Statements, now_ms: int
    ) -> list[Output]:
        outputs: list[Output] = []
        for envelope in body.envelopes:
            statement = self.agreement.open_envelope(envelope)
            if statement is None:
                continue
            is_taken, said = self.agreement.receive(statement, envelope)
            wanted = self._fetcher.want(self.open_slot, statement, peer) if is_taken else []
            outputs += said + wanted
            if statement.slot == self.open_slot and isinstance(statement.pledges, Nominate):
                self.proposer.is_called = True
            self.catch_up.note(peer, statement)
        return outputs + self.catch_up.ask(self.open_slot) + self._advance(now_ms)

    def _receive_set(self, peer: PublicKey, body: TransactionSet, now_ms: int) -> list[Output]:
        if (
            len(body.envelope_hashes)
            > self.ledger.state.get_network_settings().max_set_transactions
        ):
            return [Alarm(f"{peer.hex()} sent a transaction set larger than any ledger's")]
        known = self._sets.add(self.open_slot, body, self.intake.queue, peer)
        if known is None:
            return [Alarm(f"{peer.hex()} sent a transaction set that nobody wants")]
        if known.missing:
            set_hash = compute_set_hash(body.previous_header_hash, body.envelope_hashes)
            return self._fetcher.pursue(known.slot, set_hash, peer)
        return self._revalidate() + self._advance(now_ms)

    def _receive_set_request(self, peer: PublicKey, body: SetRequest, _: int) -> list[Output]:
        known = self._sets.get(body.set_hash)
        reply = SetUnknown(body.set_hash) if known is None else known.message
        return [Send(peer, Lane.REPLIES, Message(reply))]

    def _receive_set_unknown(self, peer: PublicKey, body: SetUnknown, _: int) -> list[Output]:
        return self._fetcher.note_unknown(body.set_hash, peer)

    def _receive_signed_header(
        self, _peer: PublicKey, body: overlay.SignedHeader, _: int
    ) -> list[Output]:
        return self.certifier.receive_signature(body, self.open_slot - 1, self.quorum_set)

    def _receive_certificate(
        self, peer: PublicKey, body: overlay.CertificateReply, _: int
    ) -> list[Output]:
        return self.certifier.receive_certificate(peer, body, self.open_slot - 1, self.quorum_set)

    def _receive_state_request(
        self, peer: PublicKey, body: overlay.StateRequest, _: int
    ) -> list[Output]:
        return self._get_state(peer, body.from_slot)

    def _receive_ledger(
        self, peer: PublicKey, body: overlay.LedgerReply, now_ms: int
    ) -> list[Output]:
        """Catching up: a certified ledger is closed again here."""
        if body.record is None or body.sequence != self.open_slot:
            return []
        try:
            return self._close_again(body.record, now_ms)
        except (ForgedLedger, Malformed) as error:
            return [Alarm(f"{peer.hex()} sent a false ledger: {error}")]

    def take_ledger(self, record: LedgerRecord, now_ms: int) -> list[Output]:
        """A ledger from an archive. Raises `ForgedLedger` unless it is the next, and true."""
        self._set_time(now_ms)
        return self._close_again(record, now_ms)

    def take_certificate(self, reply: overlay.CertificateReply, now_ms: int) -> list[Output]:
        """Of a ledger that this node closed without one, from an archive."""
        self._set_time(now_ms)
        return self.certifier.take_certificate(reply, self.open_slot - 1, self.quorum_set)

    def _close_again(self, record: LedgerRecord, now_ms: int) -> list[Output]:
        closed = close_again(self.ledger, self.quorum_set, record)
        outputs = self._settle(closed, None, record.certificate, now_ms)
        self.certifier.set_certified(closed.header.sequence)
        outputs += self.catch_up.pause()
        return outputs + self._take_up() + self._advance(now_ms)

    def _receive_archived(
        self, peer: PublicKey, body: overlay.LedgersArchived, _: int
    ) -> list[Output]:
        """The next question goes to another peer, or to an archive."""
        self.catch_up.note_archived(peer, body.first_kept)
        return [*self.certifier.note_archived(body.first_kept), *self.catch_up.pause()]

    # Messages to peers

    def _get_state(self, peer: PublicKey, from_slot: int) -> list[Output]:
        messages = self.agreement.get_state(from_slot)
        messages += self.certifier.get_signed_headers()
        return [Send(peer, Lane.SCP, each) for each in messages]

    def _resend(self, now_ms: int) -> list[Output]:
        """Liveness needs delivery: says again what has not been settled for a while."""
        outputs: list[Output] = [StartTimer(Timer(TimerName.RESEND, 0), RESEND_MS)]
        heartbeat_ms = self.ledger.state.get_network_settings().heartbeat_ms
        silent_ms = self.proposer.get_silent_ms(now_ms)
        own = self.agreement.get_envelopes(self.open_slot, is_own=True)
        is_stuck = silent_ms >= RESEND_MS and bool(self.agreement.get_statements(self.open_slot))
        if is_stuck and own:
            outputs.append(Broadcast(Lane.SCP, Message(overlay.Statements(own))))
        if is_stuck or silent_ms >= heartbeat_ms + RESEND_MS:
            outputs.append(Broadcast(Lane.SCP, Message(overlay.StateRequest(self.open_slot))))
        outputs += self.certifier.resend()
        if silent_ms >= RESEND_MS:
            outputs += self.catch_up.ask(self.open_slot, is_late=True)
        return outputs + self._advance(now_ms)

    # The open slot

    def _advance(self, now_ms: int) -> list[Output]:
        """Closes what is externalized and here; then starts the next slot if it is time."""
        outputs: list[Output] = []
        while self.open_slot in self.agreement.externalized:
            value = decode(ScpValue, self.agreement.externalized[self.open_slot])
            if not self._sets.is_complete(value.set_hash):
                break
            outputs += self._close(value, now_ms)
        if not self.proposer.is_started and self.agreement.is_validator:
            outputs += self._consider_start(now_ms)
        return outputs

    def _revalidate(self) -> list[Output]:
        return self.agreement.translate(self.agreement.scp.revalidate(self.open_slot))

    def _consider_start(self, now_ms: int) -> list[Output]:
        wait_ms = self.proposer.get_wait_ms(now_ms)
        if wait_ms > 0:
            return [StartTimer(Timer(TimerName.TRIGGER, 0), wait_ms)]
        proposal = self.proposer.propose(now_ms)
        outputs = proposal.outputs
        found = self.agreement.scp.nominate(self.open_slot, proposal.value, self.ledger.header_hash)
        said = self.agreement.translate(found)
        has_voted = any(isinstance(each, Broadcast) for each in said)
        if proposal.transaction_set is not None and has_voted:
            # Whoever hears the vote will want the set: it goes first, unasked.
            outputs.append(Broadcast(Lane.SCP, Message(proposal.transaction_set)))
        return outputs + said + self._advance(now_ms)

    def _close(self, value: ScpValue, now_ms: int) -> list[Output]:
        candidates, quorum_set = self._sets.get_candidates(value.set_hash), self.quorum_set
        closed = close_ledger(self.ledger, value, candidates)
        sequence, signature = closed.header.sequence, None
        if self.agreement.is_validator:
            signature = self.certifier.sign(sequence, closed.header_hash)
        outputs = self._settle(closed, signature, None, now_ms)
        if signature is not None:
            signed = overlay.SignedHeader(sequence, closed.header_hash, signature)
            outputs.append(Broadcast(Lane.SCP, Message(signed)))
        outputs += self.certifier.add_closed(closed, quorum_set, signature)
        return outputs + self._take_up()

    def _settle(
        self,
        closed: ClosedLedger,
        signature: HeaderSignature | None,
        certificate: Certificate | None,
        now_ms: int,
    ) -> list[Output]:
        """The ledger is closed: commits it and opens the next slot. The commit drops the votes for
        what it carried."""
        self.votes.drop(closed.upgrades)
        self.proposer.note_closed(now_ms)
        outputs = self.intake.note_closed(closed)
        outputs += [
            Alarm(f"a transaction met a defect of this node: {applied.defect!r}")
            for applied in closed.applied
            if applied.defect is not None
        ]
        if not self.agreement.is_validator:  # others drop what is invalid when they nominate
            outputs += self.intake.drop_rejected(self.intake.choose(closed.header.close_time_ms))
        outputs.append(Commit(closed, signature, certificate))
        below_slot = max(0, self.open_slot - SLOTS_KEPT)
        self._sets.purge(below_slot)
        return outputs + self.agreement.purge(below_slot) + self._follow_quorum_set()

    def _follow_quorum_set(self) -> list[Output]:
        """The set that the last ledger leaves rules from the open slot on."""
        quorum_set = self.ledger.state.get_validators().quorum_set
        if quorum_set == self.quorum_set:
            return []
        self.quorum_set = quorum_set
        self._sets.set_others(frozenset(get_nodes(quorum_set)) - {self.agreement.node_id})
        return self.agreement.reconfigure(quorum_set, self.open_slot)

    def _take_up(self) -> list[Output]:
        """The open slot is a new one: looks at what was said in it before its time had come."""
        outputs: list[Output] = []
        for slot in (self.open_slot, self.open_slot + 1):
            for statement in self.agreement.get_statements(slot):
                is_own = statement.node_id == self.agreement.node_id
                source = None if is_own else statement.node_id
                outputs += self._fetcher.want(self.open_slot, statement, source)
        said = self.agreement.get_statements(self.open_slot)
        self.proposer.is_called = any(isinstance(each.pledges, Nominate) for each in said)
        return outputs + self._revalidate()

    def _restore_set(self, slot: int, envelopes: Iterable[bytes]) -> None:
        candidates = self._open(envelopes)
        for candidate in candidates:
            self.intake.queue.add(candidate, is_wanted=True)
        message = _make_set(self.ledger.header_hash, candidates)
        self._sets.add(slot, message, self.intake.queue)

    def _restore_closed_set(self, closed: ClosedSet) -> None:
        """For peers alone: here it is closed, so that none of it goes back to the queue."""
        candidates = self._open(closed.envelopes)
        message = _make_set(closed.previous_header_hash, candidates)
        self._sets.add(closed.slot, message, self.intake.queue)
        for candidate in candidates:
            self._sets.add_candidate(candidate)

    def _open(self, envelopes: Iterable[bytes]) -> list[Candidate]:
        opened = (validate_envelope(envelope, self.network_id) for envelope in envelopes)
        return [each for each in opened if isinstance(each, Candidate)]


def _make_set(previous_header_hash: Hash, candidates: Iterable[Candidate]) -> TransactionSet:
    hashes = tuple(sorted(each.envelope_hash for each in candidates))
    return TransactionSet(previous_header_hash, hashes)


HANDLERS: dict[type, Callable[[Herder, PublicKey, Any, int], list[Output]]] = {
    overlay.Statements: Herder._receive_statements,
    TransactionSet: Herder._receive_set,
    SetRequest: Herder._receive_set_request,
    SetUnknown: Herder._receive_set_unknown,
    overlay.AdvertTransactions: lambda self, *said: self.intake.receive_advert(*said),
    overlay.DemandTransactions: lambda self, peer, body, _: self.intake.receive_demand(peer, body),
    overlay.SignedHeader: Herder._receive_signed_header,
    overlay.CertificateReply: Herder._receive_certificate,
    overlay.StateRequest: Herder._receive_state_request,
    overlay.LedgerReply: Herder._receive_ledger,
    overlay.LedgersArchived: Herder._receive_archived,
}

"""Catching up: who is ahead, asking for ledgers, and closing certified ones again. Pure."""

from schemas.codec import decode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.consensus import QuorumSet, ScpValue, Statement
from schemas.generated.ledger import LedgerBody, LedgerRecord
from schemas.generated.overlay import LedgerRequest, Message
from streams.herder.lanes import Lane
from streams.herder.outputs import Output, ReadArchive, Send, StartTimer, Timer, TimerName
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.chain import ChainPosition, ForgedLedger, verify_record
from streams.ledger.close import ClosedLedger, Ledger, close_ledger
from streams.ledger.errors import InvariantViolation

AGAIN_MS, PAUSE_MS = 500, 50
TIMER = Timer(TimerName.CATCH_UP, 0)
SLOTS_BEHIND = 2  # one is normal: a peer may start a slot while this node still closes the last


class CatchUp:
    """The newest slot each peer spoke of, and the one question that is on its way."""

    def __init__(self) -> None:
        self._newest: dict[PublicKey, int] = {}
        self._first_kept: dict[PublicKey, int] = {}
        self._asked = 0
        self._is_asking = False

    def note(self, peer: PublicKey, statement: Statement) -> None:
        """`peer` sent it. What it passes on of others says nothing of where it is itself."""
        if statement.node_id == peer:
            self._newest[peer] = max(statement.slot, self._newest.get(peer, 0))

    def note_archived(self, peer: PublicKey, first_kept: int) -> None:
        """`peer` has said that older ledgers are in archives only."""
        self._first_kept[peer] = first_kept

    def forget(self, peer: PublicKey) -> None:
        self._newest.pop(peer, None)
        self._first_kept.pop(peer, None)

    def get_peers_ahead(self, open_slot: int, slots_behind: int = SLOTS_BEHIND) -> list[PublicKey]:
        return sorted(p for p, slot in self._newest.items() if slot >= open_slot + slots_behind)

    def get_slots_behind(self, open_slot: int) -> int:
        return max((slot - open_slot for slot in self._newest.values()), default=0)

    def ask(self, open_slot: int, is_late: bool = False) -> list[Output]:
        """Asks one of those ahead for the next ledger, another peer each time, one question at a
        time. To be one slot ahead is enough if this node `is_late`."""
        ahead = self.get_peers_ahead(open_slot, 1 if is_late else SLOTS_BEHIND)
        if not ahead or self._is_asking:
            return []
        self._is_asking = True
        kept = {peer: self._first_kept.get(peer, 0) for peer in ahead}
        peers = [peer for peer in ahead if kept[peer] <= open_slot]
        if not peers:
            return [ReadArchive(min(kept.values()) - 1), StartTimer(TIMER, AGAIN_MS)]
        self._asked += 1
        request = Message(LedgerRequest(open_slot))
        peer = peers[self._asked % len(peers)]
        return [Send(peer, Lane.REPLIES, request), StartTimer(TIMER, AGAIN_MS)]

    def pause(self) -> list[Output]:
        """More of the same answer may follow: the next question waits until nothing more comes."""
        return [StartTimer(TIMER, PAUSE_MS)]

    def fire(self, open_slot: int) -> list[Output]:
        """The question was answered, or has waited for long enough."""
        self._is_asking = False
        return self.ask(open_slot)


def close_again(ledger: Ledger, quorum_set: QuorumSet, record: LedgerRecord) -> ClosedLedger:
    """Closes a certified ledger as the network did.

    Raises `ForgedLedger` for a false record, then nothing has changed; `InvariantViolation` when a
    true one comes out differently here.
    """
    header = ledger.header
    position = ChainPosition(
        header.network_id, header.sequence, ledger.header_hash, header.close_time_ms, quorum_set
    )
    verified = verify_record(position, record)
    body = decode(LedgerBody, record.body)
    candidates = _get_candidates(body, header.network_id)
    value = ScpValue(
        ledger.header_hash, verified.header.set_hash, verified.header.close_time_ms, body.upgrades
    )
    closed = close_ledger(ledger, value, candidates)
    if closed.header_hash != verified.header_hash:
        raise InvariantViolation(
            f"ledger {closed.header.sequence}: this node computed {closed.header_hash.hex()}, "
            f"the network certified {verified.header_hash.hex()}"
        )
    return closed


def _get_candidates(body: LedgerBody, network_id: Hash) -> dict[Hash, Candidate]:
    candidates: dict[Hash, Candidate] = {}
    for applied in body.transactions:
        candidate = validate_envelope(applied.envelope, network_id)
        if isinstance(candidate, RejectionReason):
            raise ForgedLedger(f"an envelope is {candidate.code.name}")
        candidates[candidate.envelope_hash] = candidate
    return candidates

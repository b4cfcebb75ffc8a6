"""The transaction sets that consensus talks about: what of them is here, what is valid. Pure."""

from dataclasses import dataclass, field

from schemas.generated.common import Hash, PublicKey
from schemas.generated.overlay import TransactionSet
from streams.ledger.admission import Candidate
from streams.ledger.close import Ledger
from streams.ledger.errors import InvalidSet
from streams.ledger.hashes import ZERO_HASH, compute_set_hash
from streams.ledger.membership import validate_set
from streams.node.queue import TransactionQueue


@dataclass(slots=True)
class KnownSet:
    """A set by its hashes. `missing` are the envelopes that are not here."""

    slot: int
    message: TransactionSet
    missing: set[Hash] = field(default_factory=set)
    candidates: dict[Hash, Candidate] = field(default_factory=dict)
    verdicts: dict[int, str | None] = field(default_factory=dict)  # by close time; None: valid
    sources: list[PublicKey] = field(default_factory=list)  # peers to ask for what is missing


class TransactionSets:
    """All sets of the slots that are kept."""

    def __init__(self) -> None:
        self._sets: dict[Hash, KnownSet] = {}
        self._wanted: dict[Hash, set[Hash]] = {}  # envelope -> sets that lack it
        self._asked: dict[Hash, int] = {}  # sets asked for, with their slot
        self.given_up: set[Hash] = set()

    def get(self, set_hash: Hash) -> KnownSet | None:
        return self._sets.get(set_hash)

    def note_asked(self, slot: int, set_hash: Hash) -> bool:
        """Whether a set has to be asked for: it is not here and was not asked for before."""
        if set_hash in self._sets or set_hash in self._asked:
            return False
        self._asked[set_hash] = slot
        return True

    def find_candidate(self, envelope_hash: Hash) -> Candidate | None:
        """An envelope that some kept set has, also once it was closed."""
        for known in self._sets.values():
            candidate = known.candidates.get(envelope_hash)
            if candidate is not None:
                return candidate
        return None

    def get_incomplete(self, slot: int) -> list[KnownSet]:
        return [known for known in self._sets.values() if known.slot == slot and known.missing]

    def forget_asked(self, slot: int) -> None:
        """Ask anew for what was asked for and did not come."""
        self._asked = {h: s for h, s in self._asked.items() if s != slot}

    def give_up(self, slot: int) -> None:
        """Waits no longer for the sets of a slot."""
        self.given_up |= {h for h, s in self._asked.items() if s == slot}
        self.given_up |= {
            h for h, known in self._sets.items() if known.slot == slot and known.missing
        }

    def is_wanted(self, envelope_hash: Hash) -> bool:
        return envelope_hash in self._wanted

    def is_complete(self, set_hash: Hash) -> bool:
        if set_hash == ZERO_HASH:
            return True
        known = self._sets.get(set_hash)
        return known is not None and not known.missing

    def get_candidates(self, set_hash: Hash) -> dict[Hash, Candidate]:
        """The members of a complete set, by envelope hash."""
        return {} if set_hash == ZERO_HASH else self._sets[set_hash].candidates

    def add(self, slot: int, message: TransactionSet, queue: TransactionQueue) -> KnownSet | None:
        """None when the hashes are not strictly ascending: no honest node says this."""
        hashes = message.envelope_hashes
        if list(hashes) != sorted(set(hashes)) or not hashes:
            return None
        set_hash = compute_set_hash(message.previous_header_hash, hashes)
        if set_hash in self._sets:
            return self._sets[set_hash]
        known = KnownSet(self._asked.pop(set_hash, slot), message)
        for each in hashes:
            candidate = queue.get(each)
            if candidate is None:
                known.missing.add(each)
                self._wanted.setdefault(each, set()).add(set_hash)
            else:
                known.candidates[each] = candidate
        self._sets[set_hash] = known
        self.given_up.discard(set_hash)
        return known

    def add_candidate(self, candidate: Candidate) -> bool:
        """Fills it in where it is missing; True when that completed a set."""
        completed = False
        for set_hash in self._wanted.pop(candidate.envelope_hash, ()):
            known = self._sets[set_hash]
            known.candidates[candidate.envelope_hash] = candidate
            known.missing.discard(candidate.envelope_hash)
            completed = completed or not known.missing
        return completed

    def get_fault(self, set_hash: Hash, ledger: Ledger, close_time_ms: int) -> str | None:
        """Why a complete set may not be closed at that time; judged once per ledger and time."""
        if set_hash == ZERO_HASH:
            return None
        known = self._sets[set_hash]
        if close_time_ms not in known.verdicts:
            known.verdicts[close_time_ms] = _find_fault(known, ledger, close_time_ms)
        return known.verdicts[close_time_ms]

    def purge(self, below_slot: int) -> None:
        self._asked = {h: s for h, s in self._asked.items() if s >= below_slot}
        for set_hash, known in list(self._sets.items()):
            if known.slot < below_slot:
                del self._sets[set_hash]
                self.given_up.discard(set_hash)
                for each in known.missing:
                    sets = self._wanted.get(each, set())
                    sets.discard(set_hash)
                    if not sets:
                        self._wanted.pop(each, None)


def _find_fault(known: KnownSet, ledger: Ledger, close_time_ms: int) -> str | None:
    if known.message.previous_header_hash != ledger.header_hash:
        return "it builds on another ledger"
    candidates = [known.candidates[each] for each in known.message.envelope_hashes]
    try:
        validate_set(ledger.state, ledger.window, candidates, close_time_ms)
    except InvalidSet as fault:
        return str(fault)
    return None

"""The transaction sets that consensus talks about: what of them is here, what is valid. Pure."""

from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.generated.common import Hash, PublicKey
from schemas.generated.overlay import DemandTransactions, Message, SetRequest, TransactionSet
from streams.herder.queue import TransactionQueue
from streams.ledger.admission import Candidate
from streams.ledger.close import Ledger
from streams.ledger.errors import InvalidSet
from streams.ledger.hashes import ZERO_HASH, compute_set_hash
from streams.ledger.membership import validate_set

ROUNDS_MAX = 10  # of asking again; then consensus goes on without the set
CHASED_MAX = 16  # sets wanted at once; honest nodes name fewer
UNASKED_MAX = 4  # sets that one peer may send in a slot before anybody asks for them
DEMANDED_MAX = 10_000  # hashes in one demand
Question: TypeAlias = tuple[PublicKey | None, Message]  # whom to ask what; None: everybody


@dataclass(slots=True)
class KnownSet:
    """A set by its hashes. `missing` are the envelopes that are not here."""

    slot: int
    message: TransactionSet
    source: PublicKey | None = None  # who sent it unasked
    missing: set[Hash] = field(default_factory=set)
    candidates: dict[Hash, Candidate] = field(default_factory=dict)
    verdicts: dict[int, str | None] = field(default_factory=dict)  # by close time; None: valid


@dataclass(slots=True)
class Pursuit:
    """A set that consensus speaks of, in some slots, and that is not here, or not whole."""

    slots: set[int] = field(default_factory=set)
    sources: list[PublicKey] = field(default_factory=list)  # who spoke of it, to be asked in turn
    without: set[PublicKey] = field(default_factory=set)  # validators that say they lack it
    rounds: int = 0  # how often it was asked for again


class TransactionSets:
    """All sets of the slots that are kept. `others` are the validators that may have more."""

    def __init__(self, others: frozenset[PublicKey]) -> None:
        self._others = others
        self._sets: dict[Hash, KnownSet] = {}
        self._wanted: dict[Hash, set[Hash]] = {}  # envelope -> sets that lack it
        self._pursuits: dict[Hash, Pursuit] = {}
        self.given_up: set[Hash] = set()

    def set_others(self, others: frozenset[PublicKey]) -> None:
        """The quorum set has changed."""
        self._others = others

    def get(self, set_hash: Hash) -> KnownSet | None:
        return self._sets.get(set_hash)

    def pursue(self, slot: int, set_hash: Hash, source: PublicKey | None) -> bool:
        """Notes that a set is wanted, and who spoke of it; True when it has to be asked for now."""
        if self.is_complete(set_hash):
            return False
        is_new = set_hash not in self._pursuits
        pursuit = self._pursuits.setdefault(set_hash, Pursuit())
        pursuit.slots.add(slot)
        if source is not None and source not in pursuit.sources:
            pursuit.sources.append(source)
        return is_new and set_hash not in self._sets

    def ask_again(self, slot: int) -> list[Question]:
        """Whom to ask what, for the sets of a slot that are still wanted.

        A set asked for often enough is given up; it goes on being asked for.
        """
        questions: list[Question] = []
        for set_hash, pursuit in self._pursuits.items():
            if slot not in pursuit.slots:
                continue
            pursuit.rounds += 1
            if pursuit.rounds >= ROUNDS_MAX:
                self.given_up.add(set_hash)
            if pursuit.sources:
                pursuit.sources.append(pursuit.sources.pop(0))
            questions.append(self._get_question(set_hash, pursuit))
        return questions

    def note_unknown(self, set_hash: Hash, peer: PublicKey) -> list[Question]:
        """A peer says it lacks a set that is wanted: whom to ask instead.

        A set that all other validators lack is given up; no fewer decide that, for one may lie.
        """
        pursuit = self._pursuits.get(set_hash)
        is_news = set_hash not in self._sets and peer in self._others
        if pursuit is None or not is_news or peer in pursuit.without:
            return []
        pursuit.without.add(peer)
        if pursuit.without == self._others:
            self.given_up.add(set_hash)
        return [self._get_question(set_hash, pursuit)] if self._is_chased(set_hash) else []

    def _is_chased(self, set_hash: Hash) -> bool:
        """Whether more may be asked than one peer at a time and a pause after each: not while
        somebody names sets by the hundred, and not for what nobody has."""
        return len(self._pursuits) <= CHASED_MAX and set_hash not in self.given_up

    def _get_question(self, set_hash: Hash, pursuit: Pursuit) -> Question:
        known = self._sets.get(set_hash)
        source = next(iter(pursuit.sources), None)
        if known is not None:
            demand = DemandTransactions(tuple(sorted(known.missing)[:DEMANDED_MAX]))
            return source, Message(demand)
        if self._is_chased(set_hash):
            having = (each for each in pursuit.sources if each not in pursuit.without)
            source = next(having, None)
        return source, Message(SetRequest(set_hash))

    def find_candidate(self, envelope_hash: Hash) -> Candidate | None:
        """An envelope that some kept set has, also once it was closed."""
        for known in self._sets.values():
            candidate = known.candidates.get(envelope_hash)
            if candidate is not None:
                return candidate
        return None

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

    def add(
        self,
        slot: int,
        message: TransactionSet,
        queue: TransactionQueue,
        source: PublicKey | None = None,
    ) -> KnownSet | None:
        """None when the hashes are not strictly ascending, or `source` sends more sets than
        anybody asked for: no honest node does."""
        hashes = message.envelope_hashes
        if list(hashes) != sorted(set(hashes)) or not hashes:
            return None
        set_hash = compute_set_hash(message.previous_header_hash, hashes)
        if set_hash in self._sets:
            return self._sets[set_hash]
        pursuit = self._pursuits.get(set_hash)
        if pursuit is not None:
            slot, source = max(pursuit.slots), None
        elif source is not None and self._count_unasked(slot, source) >= UNASKED_MAX:
            return None
        known = KnownSet(slot, message, source)
        for each in hashes:
            candidate = queue.get(each) or self.find_candidate(each)
            if candidate is None:
                known.missing.add(each)
                self._wanted.setdefault(each, set()).add(set_hash)
            else:
                known.candidates[each] = candidate
        self._sets[set_hash] = known
        if not known.missing:
            self._note_whole(set_hash)
        return known

    def _count_unasked(self, slot: int, source: PublicKey) -> int:
        sets = self._sets.values()
        return sum(1 for known in sets if known.slot == slot and known.source == source)

    def _note_whole(self, set_hash: Hash) -> None:
        self._pursuits.pop(set_hash, None)
        self.given_up.discard(set_hash)

    def add_candidate(self, candidate: Candidate) -> bool:
        """Fills it in where it is missing; True when that completed a set."""
        completed = False
        for set_hash in self._wanted.pop(candidate.envelope_hash, ()):
            known = self._sets[set_hash]
            known.candidates[candidate.envelope_hash] = candidate
            known.missing.discard(candidate.envelope_hash)
            if not known.missing:
                self._note_whole(set_hash)
                completed = True
        return completed

    def get_fault(self, set_hash: Hash, ledger: Ledger, close_time_ms: int) -> str | None:
        """Why a complete set may not be closed at that time; judged once per ledger and time."""
        if set_hash == ZERO_HASH:
            return None
        known = self._sets[set_hash]
        if known.message.previous_header_hash != ledger.header_hash:
            return "it builds on another ledger"
        if close_time_ms not in known.verdicts:
            known.verdicts[close_time_ms] = _find_fault(known, ledger, close_time_ms)
        return known.verdicts[close_time_ms]

    def purge(self, below_slot: int) -> None:
        passed = [h for h, pursuit in self._pursuits.items() if max(pursuit.slots) < below_slot]
        for set_hash in passed:
            del self._pursuits[set_hash]
            self.given_up.discard(set_hash)
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
    candidates = [known.candidates[each] for each in known.message.envelope_hashes]
    try:
        validate_set(ledger.state, ledger.window, candidates, close_time_ms)
    except InvalidSet as fault:
        return str(fault)
    return None

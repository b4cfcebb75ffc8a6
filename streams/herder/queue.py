"""The transactions that wait for a ledger: verified, bounded, fair among source accounts. Pure."""

from dataclasses import dataclass

from schemas.generated.common import AccountID, Hash
from schemas.generated.events import RejectionCode
from streams.ledger.admission import Candidate, RejectionReason
from streams.ledger.close import Ledger
from streams.ledger.membership import compute_rejection

PROVISIONAL = frozenset({RejectionCode.TOO_EARLY})  # may become valid while it waits


@dataclass(slots=True, frozen=True)
class Choice:
    """A transaction set, and what was found to have become invalid on the way."""

    candidates: list[Candidate]
    rejected: list[tuple[Candidate, RejectionReason]]


class TransactionQueue:
    """Candidates by envelope hash, and per source account in the order of arrival."""

    def __init__(self, transactions_max: int) -> None:
        self.transactions_max = transactions_max
        self.share_max = max(1, transactions_max // 4)
        self._by_hash: dict[Hash, Candidate] = {}
        self._by_source: dict[AccountID, dict[Hash, Candidate]] = {}
        self._by_transaction: dict[Hash, dict[Hash, Candidate]] = {}

    def __len__(self) -> int:
        return len(self._by_hash)

    def get(self, envelope_hash: Hash) -> Candidate | None:
        return self._by_hash.get(envelope_hash)

    def add(self, candidate: Candidate, is_wanted: bool = False) -> RejectionReason | None:
        """`is_wanted`: a set lacks it, so no bound applies."""
        source = candidate.transaction.source_account
        waiting = self._by_source.get(source, {})
        if not is_wanted:
            if len(self._by_hash) >= self.transactions_max:
                detail = f"{len(self._by_hash)} transactions are waiting"
                return RejectionReason(RejectionCode.QUEUE_FULL, detail, candidate.transaction_hash)
            if len(waiting) >= self.share_max:
                detail = f"{len(waiting)} transactions of the source are waiting"
                code = RejectionCode.SOURCE_OVER_SHARE
                return RejectionReason(code, detail, candidate.transaction_hash)
        self._by_source.setdefault(source, {})[candidate.envelope_hash] = candidate
        self._by_hash[candidate.envelope_hash] = candidate
        same = self._by_transaction.setdefault(candidate.transaction_hash, {})
        same[candidate.envelope_hash] = candidate
        return None

    def remove_transaction(self, transaction_hash: Hash) -> list[Candidate]:
        """Forgets every envelope of a transaction that was closed."""
        removed = list(self._by_transaction.get(transaction_hash, {}).values())
        for candidate in removed:
            self._remove(candidate)
        return removed

    def choose(self, ledger: Ledger, close_time_ms: int) -> Choice:
        """Round-robin over the source accounts, as much as a ledger takes."""
        settings = ledger.state.get_network_settings()
        room = settings.max_set_output_bytes
        chosen: dict[Hash, Candidate] = {}  # by transaction: at most one envelope of each
        choice = Choice([], [])
        lines = [iter(list(line.values())) for line in self._by_source.values()]
        while lines and len(chosen) < settings.max_set_transactions:
            still = []
            for line in lines:
                candidate = next(line, None)
                if candidate is None:
                    continue
                still.append(line)
                if candidate.transaction_hash in chosen:
                    continue
                if candidate.output_bytes > room and not candidate.is_sized_by_state:
                    continue
                rejection = compute_rejection(ledger.state, ledger.window, candidate, close_time_ms)
                if rejection is None:
                    if candidate.output_bytes <= room:
                        chosen[candidate.transaction_hash] = candidate
                        room -= candidate.output_bytes
                elif rejection.code not in PROVISIONAL:
                    choice.rejected.append((candidate, rejection))
                if len(chosen) == settings.max_set_transactions:
                    break
            lines = still
        choice.candidates.extend(chosen.values())
        for candidate, _ in choice.rejected:
            self._remove(candidate)
        self._rotate()
        return choice

    def _rotate(self) -> None:
        """Who came first this time comes last the next, when not all fit."""
        if self._by_source:
            source = next(iter(self._by_source))
            self._by_source[source] = self._by_source.pop(source)

    def _remove(self, candidate: Candidate) -> None:
        source = candidate.transaction.source_account
        del self._by_hash[candidate.envelope_hash]
        del self._by_source[source][candidate.envelope_hash]
        if not self._by_source[source]:
            del self._by_source[source]
        del self._by_transaction[candidate.transaction_hash][candidate.envelope_hash]
        if not self._by_transaction[candidate.transaction_hash]:
            del self._by_transaction[candidate.transaction_hash]

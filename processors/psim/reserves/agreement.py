"""How instances agree on reports: one proposes, the others derive the same and sign it. Pure.

The first ledger of a cycle is the same for all; the block is what the proposer names, or one block
of each place that the asset is held at. An instance
signs no block before the newest that it knew to be final when that ledger closed. Of the instances
that signed a credit or a settlement up to then, one is among those that agree here (more than half
of them sign both), so no named block is younger than the report's.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from processors.psim.reserves.rules import LedgerFacts, get_heights, is_same
from schemas.generated.common import Hash, PublicKey
from schemas.generated.entries import Signer
from schemas.generated.events import ReserveReport, SignedReserveReport
from streams.ledger.reserves import compute_reserve_payload
from streams.ledger.values import SIGNATURE_THRESHOLD, compute_weight

Heights = tuple[int, ...]
STEP_IN_MS = 6_000
"""By how much each next instance waits longer before it proposes."""
REPEAT_MS = 3_600_000
"""After which a report is made although nothing has changed."""
LEDGERS_KEPT, PROPOSALS_KEPT = 8, 64


class Wanted(NamedTuple):
    """A report that this instance should derive. `heights`: the block of each place; None: its own
    newest."""

    facts: LedgerFacts
    heights: Heights | None


Proposal = dict[ReserveReport, set[PublicKey]]
"""Of one asset and ledger: what was reported, and who signed it."""


class Agreement:
    """Of one asset, at one instance. `agreed`: the newest report that enough instances have signed.
    `settled_at_ms`: the newest ledger for which there is one, or nothing new to be said."""

    def __init__(self, network_id: Hash, asset: str, own_key: PublicKey) -> None:
        self._network_id = network_id
        self.asset = asset
        self._own_key = own_key
        self._facts: OrderedDict[int, LedgerFacts] = OrderedDict()
        self._floors: dict[int, Heights] = {}
        self._quiet: int | None = None
        self._proposals: OrderedDict[int, Proposal] = OrderedDict()
        self.agreed: ReserveReport | None = None
        self.settled_at_ms = 0

    def note_facts(self, facts: LedgerFacts) -> None:
        """The first ledger of a cycle."""
        self._facts[facts.sequence] = facts
        while len(self._facts) > LEDGERS_KEPT:
            self._floors.pop(self._facts.popitem(last=False)[0], None)

    def note_final(self, final: Heights) -> None:
        """The newest final blocks, asked for after the ledgers that are known."""
        for sequence in self._facts:
            self._floors.setdefault(sequence, final)

    def _may_sign(self, facts: LedgerFacts, heights: Heights) -> bool:
        """Whether no block is older than what was final when the ledger closed."""
        floor = self._floors.get(facts.sequence)
        return floor is not None and is_reached(heights, floor)

    def take(
        self,
        told: SignedReserveReport,
        report: ReserveReport,
        signers: Mapping[PublicKey, Signer],
    ) -> None:
        """A peer's report, or one's own that came back; `report`: what it says. What proves nothing
        is left out."""
        if told.signer not in signers or report.network_id != self._network_id:
            return
        try:
            VerifyKey(told.signer).verify(compute_reserve_payload(told.report), told.signature)
        except (BadSignatureError, ValueError):
            return
        proposal = self._proposals.setdefault(int(report.sequence), {})
        if len(proposal) >= PROPOSALS_KEPT and report not in proposal:
            return
        proposal.setdefault(report, set()).add(told.signer)
        while len(self._proposals) > PROPOSALS_KEPT:
            self._proposals.popitem(last=False)
        self._agree(report, [signers[each] for each in proposal[report] if each in signers])

    def _agree(self, report: ReserveReport, signers: Sequence[Signer]) -> None:
        last = self.agreed
        is_newer = last is None or _rank(report) >= _rank(last)
        if compute_weight(signers) >= SIGNATURE_THRESHOLD and is_newer:
            self.agreed = report
            self.settled_at_ms = int(report.closed_at_ms)

    def find_wanted(self, rank: int, now_ms: int, final: Heights) -> Iterator[Wanted]:
        """What this instance should derive now. `rank`: its place among the instances, from 0."""
        for sequence, proposal in self._proposals.items():
            facts = self._facts.get(sequence)
            if facts is None or self._is_old(sequence):
                continue
            signed = {get_heights(each) for each in self._list_own(proposal)}
            named = {get_heights(each) for each in proposal}
            for heights in sorted(named - signed):
                if self._may_sign(facts, heights) and is_reached(final, heights):
                    yield Wanted(facts, heights)
        newest = self.get_newest()
        if newest is None or newest.sequence in self._proposals or newest.sequence == self._quiet:
            return
        if not self._may_sign(newest, final) or not is_reached(final, newest.checkpoints):
            return
        if now_ms >= newest.closed_at_ms + rank * STEP_IN_MS:
            yield Wanted(newest, None)

    def should_tell(self, report: ReserveReport, *, is_proposed: bool) -> bool:
        """A report that says what the last one said is proposed once an hour."""
        if is_proposed or self.agreed is None:
            return True
        age_ms = int(report.closed_at_ms) - int(self.agreed.closed_at_ms)
        if age_ms >= REPEAT_MS or not is_same(report, self.agreed):
            return True
        self._quiet, self.settled_at_ms = int(report.sequence), int(report.closed_at_ms)
        return False

    def find_disagreement(self) -> tuple[ReserveReport, ReserveReport] | None:
        """The newest block of which this instance and a peer derive different reports."""
        for proposal in reversed(self._proposals.values()):
            for own in self._list_own(proposal):
                for other in proposal:
                    if get_heights(other) == get_heights(own) and other != own:
                        return own, other
        return None

    def get_newest(self) -> LedgerFacts | None:
        """Of the ledgers that may be reported on."""
        return next(reversed(self._facts.values()), None)

    def get_oldest(self) -> LedgerFacts | None:
        """Of the ledgers that may still be reported on."""
        return next(iter(self._facts.values()), None)

    def _is_old(self, sequence: int) -> bool:
        return self.agreed is not None and sequence < self.agreed.sequence

    def _list_own(self, proposal: Proposal) -> list[ReserveReport]:
        return [report for report, names in proposal.items() if self._own_key in names]


def is_reached(heights: Heights, floor: Heights) -> bool:
    """Whether each is at least as high, and they are of as many places."""
    if len(heights) != len(floor):
        return False
    return all(height >= least for height, least in zip(heights, floor, strict=True))


def _rank(report: ReserveReport) -> tuple[int, Heights]:
    return int(report.sequence), get_heights(report)

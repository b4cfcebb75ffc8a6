"""How instances agree on reports: one proposes, the others derive the same and sign it. Pure.

The first ledger of a cycle is the same for all; the block is what the proposer names. An instance
signs no block before the newest that it knew to be final when that ledger closed. Of the instances
that signed a credit or a settlement up to then, one is among those that agree here (more than half
of them sign both), so no named block is younger than the report's.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from processors.psim.reserves.rules import LedgerFacts, is_same
from schemas.codec import Malformed, decode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.entries import Signer
from schemas.generated.events import ReserveReport, SignedReserveReport
from streams.ledger.reserves import compute_reserve_payload
from streams.ledger.values import SIGNATURE_THRESHOLD, compute_weight

STEP_IN_MS = 6_000
"""By how much each next instance waits longer before it proposes."""
REPEAT_MS = 3_600_000
"""After which a report is made although nothing has changed."""
LEDGERS_KEPT, PROPOSALS_KEPT = 8, 64


class Wanted(NamedTuple):
    """A report that this instance should derive. `height`: the block; None: its own newest."""

    facts: LedgerFacts
    height: int | None


class Agreed(NamedTuple):
    """What enough instances have signed. `content`: its bytes."""

    report: ReserveReport
    content: bytes
    signers: frozenset[PublicKey]


class _Proposal:
    """Of one asset and ledger: its contents, by bytes, and who signed each."""

    def __init__(self) -> None:
        self.signers: dict[bytes, set[PublicKey]] = {}
        self.reports: dict[bytes, ReserveReport] = {}


class Agreement:
    """Of one asset, at one instance. `settled_at_ms`: the newest ledger for which there is a report
    that all agree on, or nothing new to be said."""

    def __init__(self, network_id: Hash, asset: str, own_key: PublicKey) -> None:
        self._network_id = network_id
        self.asset = asset
        self._own_key = own_key
        self._facts: OrderedDict[int, LedgerFacts] = OrderedDict()
        self._floors: dict[int, int] = {}
        self._quiet: int | None = None
        self._proposals: OrderedDict[int, _Proposal] = OrderedDict()
        self.agreed: Agreed | None = None
        self.settled_at_ms = 0

    def note_facts(self, facts: LedgerFacts) -> None:
        """The first ledger of a cycle."""
        self._facts[facts.sequence] = facts
        while len(self._facts) > LEDGERS_KEPT:
            self._floors.pop(self._facts.popitem(last=False)[0], None)

    def note_final(self, final: int) -> None:
        """The newest final block, asked for after the ledgers that are known."""
        for sequence in self._facts:
            self._floors.setdefault(sequence, final)

    def take(self, told: SignedReserveReport, signers: Mapping[PublicKey, Signer]) -> None:
        """A peer's report, or one's own that came back. What proves nothing is left out."""
        if told.signer not in signers:
            return
        try:
            VerifyKey(told.signer).verify(compute_reserve_payload(told.report), told.signature)
            report = decode(ReserveReport, told.report)
        except (BadSignatureError, Malformed, ValueError):
            return
        if report.network_id != self._network_id or report.asset != self.asset:
            return
        proposal = self._proposals.setdefault(int(report.sequence), _Proposal())
        if len(proposal.signers) >= PROPOSALS_KEPT and told.report not in proposal.signers:
            return
        proposal.reports[told.report] = report
        proposal.signers.setdefault(told.report, set()).add(told.signer)
        while len(self._proposals) > PROPOSALS_KEPT:
            self._proposals.popitem(last=False)
        self._agree(report, told.report, signers)

    def _agree(
        self, report: ReserveReport, content: bytes, signers: Mapping[PublicKey, Signer]
    ) -> None:
        names = self._proposals[int(report.sequence)].signers[content]
        weight = compute_weight([signers[each] for each in names if each in signers])
        is_newer = self.agreed is None or (report.sequence, report.height) >= (
            self.agreed.report.sequence,
            self.agreed.report.height,
        )
        if weight >= SIGNATURE_THRESHOLD and is_newer:
            self.agreed = Agreed(report, content, frozenset(names))
            self.settled_at_ms = int(report.closed_at_ms)

    def find_wanted(self, rank: int, now_ms: int, final: int) -> Iterator[Wanted]:
        """What this instance should derive now. `rank`: its place among the signers, from 0."""
        for sequence, proposal in self._proposals.items():
            facts = self._facts.get(sequence)
            if facts is None or self._is_old(sequence):
                continue
            signed = {self._get_height(proposal, c) for c in self._list_own(proposal)}
            heights = {int(each.height) for each in proposal.reports.values()}
            for height in sorted(heights - signed):
                if self._floors.get(sequence, final + 1) <= height <= final:
                    yield Wanted(facts, height)
        newest = next(reversed(self._facts.values()), None)
        if newest is None or newest.sequence in self._proposals or newest.sequence == self._quiet:
            return
        if final < max(self._floors.get(newest.sequence, final + 1), newest.checkpoint):
            return
        if now_ms >= newest.closed_at_ms + rank * STEP_IN_MS:
            yield Wanted(newest, None)

    def should_tell(self, report: ReserveReport, *, is_proposed: bool) -> bool:
        """A report that says what the last one said is proposed once an hour."""
        if is_proposed or self.agreed is None:
            return True
        last = self.agreed.report
        age_ms = int(report.closed_at_ms) - int(last.closed_at_ms)
        if age_ms >= REPEAT_MS or not is_same(report, last):
            return True
        self._quiet, self.settled_at_ms = int(report.sequence), int(report.closed_at_ms)
        return False

    def find_disagreement(self) -> tuple[ReserveReport, ReserveReport] | None:
        """The newest block of which this instance and a peer derive different reports."""
        for proposal in reversed(self._proposals.values()):
            for content in self._list_own(proposal):
                own = proposal.reports[content]
                for other in proposal.reports.values():
                    if other.height == own.height and other != own:
                        return own, other
        return None

    def get_oldest(self) -> LedgerFacts | None:
        """Of the ledgers that may still be reported on."""
        return next(iter(self._facts.values()), None)

    def _is_old(self, sequence: int) -> bool:
        return self.agreed is not None and sequence < self.agreed.report.sequence

    def _list_own(self, proposal: _Proposal) -> list[bytes]:
        return [c for c, names in proposal.signers.items() if self._own_key in names]

    def _get_height(self, proposal: _Proposal, content: bytes) -> int:
        return int(proposal.reports[content].height)

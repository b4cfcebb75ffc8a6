"""What is reported of some assets by one instance: which ledgers, agreement with the others, halts,
status. Who knows what is held derives from it. Shell."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable
from typing import Any

import structlog

from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.reserves.agreement import Agreement, Heights
from processors.psim.reserves.rules import CYCLE_MS, LedgerFacts, get_heights
from processors.psim.signing.keys import KeySigner
from processors.psim.view import LedgerView
from schemas.codec import encode
from schemas.generated.common import Hash
from schemas.generated.events import ReserveReport, SignedReserveReport
from schemas.generated.operations import ManageAssetHalt
from streams.ledger.halts import is_withdrawal_halted
from streams.ledger.reserves import compute_reserve_payload

log = structlog.get_logger()
POLL_S = 5.0
"""Between looks: a cycle has several."""
SILENT_ALARM_MS = 900_000
"""How long instances may not agree, after which it is an alarm."""
Tell = Callable[[str, SignedReserveReport, LedgerFacts | None], None]
"""What takes an own report on an asset to the others; who proposes it gives the facts too, whose
leaves belong to it."""


class Reporting(ABC):
    """`name`: of what is watched. `get_view`: the ledger as it is known now. `wake`: there is
    something new to submit. `problem`: why nothing is known of it now."""

    def __init__(
        self,
        name: str,
        key: KeySigner,
        get_view: Callable[[], LedgerView],
        tell: Tell,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name = name
        self.clock = clock
        self.get_view = get_view
        self._key = key
        self._tell = tell
        self._wake = wake
        self.agreements: dict[str, Agreement] = {}
        self._cycle = 0
        self._began_ms = int(clock() * 1000)
        self.problem = ""

    # What is watched says

    @abstractmethod
    def find_facts(self, view: LedgerView) -> Iterable[LedgerFacts]:
        """Of all assets that are reported on."""

    @abstractmethod
    def find_assets(self, view: LedgerView) -> Collection[str]:
        """Their codes."""

    @abstractmethod
    async def look(self) -> bool:
        """Asks what is new, and derives what is wanted; whether there is more at once. Raises
        `ChainUnavailable` and `ChainContradiction`."""

    @abstractmethod
    async def make_report(
        self, view: LedgerView, facts: LedgerFacts, heights: Heights
    ) -> ReserveReport:
        """What this instance derives of an asset after the ledger of `facts`, at these blocks."""

    # The ledger, and the other instances

    def note_ledger(self, view: LedgerView) -> None:
        """After each ledger: the first of a cycle is reported on."""
        cycle = view.close_time_ms // CYCLE_MS
        if cycle == self._cycle:
            return
        self._cycle = cycle
        for facts in self.find_facts(view):
            self.get_agreement(facts.asset).note_facts(facts)

    def get_agreement(self, asset: str) -> Agreement:
        found = self.agreements.get(asset)
        if found is None:
            found = Agreement(self.get_view().network_id, asset, self._key.public_key)
            self.agreements[asset] = found
        return found

    def take(self, told: SignedReserveReport, report: ReserveReport) -> None:
        """An instance's, and what it says."""
        view = self.get_view()
        if report.asset in self.find_assets(view):
            self.get_agreement(report.asset).take(told, report, view.get_signers())
            self._wake()

    def get_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        """Withdrawals of what is missing are halted."""
        intents = {}
        for asset, agreement in self.agreements.items():
            agreed, is_halted = agreement.agreed, is_withdrawal_halted(view.state, asset)
            if agreed is not None and agreed.missing and not is_halted:
                key = compute_evidence_key("shortfall", asset, int(agreed.sequence))
                body = ManageAssetHalt(asset, None, withdrawal=True)
                intents[key] = Intent(key, "manage_asset_halt", (body,))
        return intents

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                is_behind = await self.look()
                self.problem = ""
            except (ChainUnavailable, ChainContradiction) as error:
                is_behind = False
                self.problem = str(error)
                log.warning("reserves_wait", of=self.name, reason=str(error))
            await asyncio.sleep(0 if is_behind else POLL_S)

    # Deriving

    async def derive(self, agreement: Agreement, final: Heights, known: Heights) -> None:
        """What is wanted of one asset. `final`: the newest final blocks; `known`: those that were
        read."""
        agreement.note_final(final)
        view = self.get_view()
        keys = view.list_instances()
        if self._key.public_key not in keys:
            return
        rank, now_ms = keys.index(self._key.public_key), int(self.clock() * 1000)
        for wanted in list(agreement.find_wanted(rank, now_ms, known)):
            report = await self.make_report(view, wanted.facts, wanted.heights or known)
            is_proposed = wanted.heights is not None
            if agreement.should_tell(report, is_proposed=is_proposed):
                self._sign(agreement, report, None if is_proposed else wanted.facts)

    def _sign(self, agreement: Agreement, report: ReserveReport, facts: LedgerFacts | None) -> None:
        content = encode(report)
        signature = self._key.sign(compute_reserve_payload(content))
        told = SignedReserveReport(content, self._key.public_key, signature)
        agreement.take(told, report, self.get_view().get_signers())
        self._tell(report.asset, told, facts)
        self._wake()

    # Shown

    def get_agreed(self, asset: str) -> ReserveReport | None:
        """The newest report that enough instances have signed."""
        agreement = self.agreements.get(asset)
        return None if agreement is None else agreement.agreed

    def get_status(self) -> dict[str, Any]:
        now_ms = int(self.clock() * 1000)
        shown: dict[str, Any] = {}
        problems = [f"{self.name}: {self.problem}"] if self.problem else []
        for asset, agreement in sorted(self.agreements.items()):
            agreed = agreement.agreed
            if agreed is not None:
                shown[asset] = _show(agreed)
                problems += _find_problems(agreed)
            if now_ms - max(agreement.settled_at_ms, self._began_ms) > SILENT_ALARM_MS:
                problems.append(f"reserves of {asset}: instances do not agree on any report")
            if agreement.find_disagreement() is not None:
                problems.append(f"reserves of {asset}: instances derive different reports")
        return {"chain": self.name, "assets": shown, "problems": problems}


def _show(report: ReserveReport) -> dict[str, Any]:
    return {
        "sequence": int(report.sequence),
        "heights": get_heights(report),
        "issued": str(report.issued),
        "held": str(sum(each.amount for each in report.holdings)),
        "missing": str(report.missing),
        "surplus": str(report.surplus),
    }


def _find_problems(report: ReserveReport) -> Collection[str]:
    heights = ", ".join(map(str, get_heights(report)))
    where = f"after ledger {report.sequence} and block {heights}"
    if report.missing:
        return [f"reserves of {report.asset}: {report.missing} are missing {where}"]
    if report.surplus:
        return [f"reserves of {report.asset}: {report.surplus} more than explained {where}"]
    return ()

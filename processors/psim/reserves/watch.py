"""The reserves of one chain's assets, watched by one instance. Shell.

It reads every final block since the deposit wallet's first, so that each payment that was not
credited is known by name. An endpoint that is away, lags or contradicts itself is waited for.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

import structlog

from processors.psim.chains.reading import KnownFinal, measure
from processors.psim.chains.source import (
    Block,
    ChainContradiction,
    ChainPayment,
    ChainSource,
    ChainUnavailable,
)
from processors.psim.deposit.chain import compute_first_height
from processors.psim.deposit.rules import (
    compute_reference_text,
    show_transaction_id,
)
from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.meanings import find_meanings
from processors.psim.reserves.agreement import Agreement, Wanted
from processors.psim.reserves.holdings import HoldingsReader, Paid
from processors.psim.reserves.rules import (
    CYCLE_MS,
    ChainFacts,
    LedgerFacts,
    Received,
    find_facts,
    is_credited,
    judge,
    make_report,
)
from processors.psim.signing.keys import KeySigner
from processors.psim.view import LedgerView
from schemas.codec import encode
from schemas.generated.common import Hash
from schemas.generated.events import ReserveReport, SignedReserveReport
from schemas.generated.operations import ManageAssetHalt
from streams.ledger.halts import is_withdrawal_halted
from streams.ledger.references import DAY_MS
from streams.ledger.reserves import compute_reserve_payload

log = structlog.get_logger()
POLL_S = 5.0
"""Between looks at the chain: a cycle has several."""
BLOCKS_AT_ONCE, PAID_KEPT = 50, 5_000
SILENT_ALARM_MS = 900_000
"""How long instances may not agree, after which it is an alarm."""
Tell = Callable[[str, SignedReserveReport, LedgerFacts | None], None]
"""What takes an own report on an asset to the others; who proposes it gives the facts too, whose
leaves belong to it."""


class ReserveWatch:
    """`get_view`: the ledger as it is known now. `wake`: there is something new to submit."""

    def __init__(
        self,
        chain_id: str,
        source: ChainSource,
        holdings: HoldingsReader,
        key: KeySigner,
        get_view: Callable[[], LedgerView],
        tell: Tell,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.chain_id = chain_id
        self._source = source
        self._holdings = holdings
        self._key = key
        self._get_view = get_view
        self._tell = tell
        self._wake = wake
        self._clock = clock
        self._known_final = KnownFinal()
        self._cursor: Block | None = None
        self._received: dict[str, Received] = {}
        self._paid: OrderedDict[int, Paid] = OrderedDict()
        self._agreements: dict[str, Agreement] = {}
        self._meant: dict[str, int] = {}
        self._cycle = 0
        self._began_ms = int(clock() * 1000)
        self._problem = ""

    # The ledger, and the other instances

    def note_ledger(self, view: LedgerView) -> None:
        """After each ledger: the first of a cycle is reported on."""
        cycle = view.close_time_ms // CYCLE_MS
        if cycle == self._cycle:
            return
        self._cycle = cycle
        for token, meaning in find_meanings(view, self.chain_id)[0].items():
            agreement = self._get_agreement(view, meaning.asset.code)
            before = agreement.get_newest()
            agreement.note_facts(find_facts(view, self.chain_id, token, meaning, before))

    def take(self, told: SignedReserveReport, report: ReserveReport) -> None:
        """An instance's, and what it says."""
        view = self._get_view()
        meanings, _ = find_meanings(view, self.chain_id)
        if report.asset in {each.asset.code for each in meanings.values()}:
            self._get_agreement(view, report.asset).take(told, report, view.get_signers())
            self._wake()

    def _get_agreement(self, view: LedgerView, asset: str) -> Agreement:
        found = self._agreements.get(asset)
        if found is None:
            found = Agreement(view.network_id, asset, self._key.public_key)
            self._agreements[asset] = found
        return found

    def get_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        """Withdrawals of what is missing are halted."""
        intents = {}
        for asset, agreement in self._agreements.items():
            agreed, is_halted = agreement.agreed, is_withdrawal_halted(view.state, asset)
            if agreed is not None and agreed.missing and not is_halted:
                key = compute_evidence_key("shortfall", asset, int(agreed.sequence))
                body = ManageAssetHalt(asset, None, withdrawal=True)
                intents[key] = Intent(key, "manage_asset_halt", (body,))
        return intents

    # The chain

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                is_behind = await self.look()
                self._problem = ""
            except (ChainUnavailable, ChainContradiction) as error:
                is_behind = False
                self._problem = str(error)
                log.warning("reserves_wait", chain=self.chain_id, reason=str(error))
            await asyncio.sleep(0 if is_behind else POLL_S)

    async def look(self) -> bool:
        """Reads what is final, and derives what is wanted; whether there is more to read."""
        view = self._get_view()
        first = compute_first_height(view, self.chain_id)
        if first is None:
            return False
        asked_at_ms = self._clock() * 1000
        final = await self._source.get_final_height()
        self._known_final.note(asked_at_ms, final)
        if final < first:
            return False
        meant = {t: each.minimum for t, each in find_meanings(view, self.chain_id)[0].items()}
        cursor = self._cursor
        if cursor is None or meant != self._meant or not await self._is_still_there(cursor):
            self._meant = meant
            await self._begin(first)
        is_behind = await self._read(view, min(final, self._known_final.get(view.close_time_ms)))
        if not is_behind:
            for agreement in self._agreements.values():
                agreement.note_final(final)
                await self._derive(agreement)
        return is_behind

    async def _is_still_there(self, block: Block) -> bool:
        return (await self._source.get_block(block.height)).block_hash == block.block_hash

    async def _begin(self, height: int) -> None:
        """Anew: nothing has been paid in before this block."""
        self._received.clear()
        self._holdings.reset()
        self._cursor = await self._source.get_block(height)

    async def _read(self, view: LedgerView, last: int) -> bool:
        cursor = self._cursor
        if cursor is None:
            return False
        tokens = tuple(find_meanings(view, self.chain_id)[0])
        wallets = self._holdings.find_wallets(view)
        addresses = frozenset(address for some in wallets.values() for address in some)
        deposits = frozenset(view.addresses.get(self.chain_id, ()))
        for height in range(cursor.height + 1, min(last, cursor.height + BLOCKS_AT_ONCE) + 1):
            block = await self._source.get_block(height)
            if block.previous_hash != cursor.block_hash:
                return False  # the next look finds out where it went another way
            payments = await self._source.get_payments(block, addresses, tokens)
            await self._holdings.fold(block, payments)
            arrived = [each for each in payments if each.address in deposits]
            for payment, amount in await measure(self._source, block, arrived):
                self._note_received(block, payment, amount)
            self._cursor = cursor = block
        self._drop_settled(view)
        return cursor.height < last

    def _note_received(self, block: Block, payment: ChainPayment, amount: int) -> None:
        text = compute_reference_text(self.chain_id, payment.transaction_id, payment.ordinal)
        name = f"{show_transaction_id(self.chain_id, payment.transaction_id)}:{payment.ordinal}"
        received = Received(
            name, text, payment.token, amount, block.height, block.time_ms // DAY_MS
        )
        self._received[text] = received

    def _drop_settled(self, view: LedgerView) -> None:
        """What is in no report from the oldest ledger on that is still reported on. It depends on
        what assets mean, so that it is all read again when that changes."""
        oldest = {
            facts.token: facts
            for facts in (each.get_oldest() for each in self._agreements.values())
            if facts is not None
        }
        for text, each in list(self._received.items()):
            facts = oldest.get(each.token)
            if facts is not None and (
                is_credited(view, text, facts.sequence) or judge(facts, each) is None
            ):
                del self._received[text]

    def _note_paid(self, view: LedgerView, height: int) -> None:
        """Also those that have left the ledger since it was what is reported on."""
        for number, paid in self._holdings.find_paid(view, height).items():
            self._paid[number] = paid
            self._paid.move_to_end(number)
        while len(self._paid) > PAID_KEPT:
            self._paid.popitem(last=False)

    # Deriving

    async def _derive(self, agreement: Agreement) -> None:
        cursor, view = self._cursor, self._get_view()
        if cursor is None:
            return
        keys = view.list_instances()
        if self._key.public_key not in keys:
            return
        rank, now_ms = keys.index(self._key.public_key), int(self._clock() * 1000)
        for wanted in list(agreement.find_wanted(rank, now_ms, cursor.height)):
            report = await self._make_report(view, wanted, cursor)
            is_proposed = wanted.height is not None
            if agreement.should_tell(report, is_proposed=is_proposed):
                self._sign(agreement, report, None if is_proposed else wanted.facts)

    async def _make_report(self, view: LedgerView, wanted: Wanted, cursor: Block) -> ReserveReport:
        facts = wanted.facts
        self._note_paid(view, cursor.height)
        block = cursor if wanted.height is None else await self._source.get_block(wanted.height)
        wallets = self._holdings.find_wallets(view)
        held = await self._holdings.read(block, wallets, (facts.token,))
        chain = ChainFacts(
            block,
            {
                kind: (len(addresses), held.get((kind, facts.token), 0))
                for kind, addresses in wallets.items()
            },
            [
                each
                for text, each in self._received.items()
                if each.height <= block.height and not is_credited(view, text, facts.sequence)
            ],
            {
                number: paid.amount
                for number, paid in self._paid.items()
                if paid.height <= block.height
            },
        )
        return make_report(facts, chain)

    def _sign(self, agreement: Agreement, report: ReserveReport, facts: LedgerFacts | None) -> None:
        content = encode(report)
        signature = self._key.sign(compute_reserve_payload(content))
        told = SignedReserveReport(content, self._key.public_key, signature)
        agreement.take(told, report, self._get_view().get_signers())
        self._tell(report.asset, told, facts)
        self._wake()

    # Shown

    def get_agreed(self, asset: str) -> ReserveReport | None:
        """The newest report that enough instances have signed."""
        agreement = self._agreements.get(asset)
        return None if agreement is None else agreement.agreed

    def get_status(self) -> dict[str, Any]:
        now_ms = int(self._clock() * 1000)
        shown: dict[str, Any] = {}
        problems = [f"{self.chain_id}: {self._problem}"] if self._problem else []
        for asset, agreement in sorted(self._agreements.items()):
            agreed = agreement.agreed
            if agreed is not None:
                shown[asset] = _show(agreed)
                problems += _find_problems(agreed)
            if now_ms - max(agreement.settled_at_ms, self._began_ms) > SILENT_ALARM_MS:
                problems.append(f"reserves of {asset}: instances do not agree on any report")
            if agreement.find_disagreement() is not None:
                problems.append(f"reserves of {asset}: instances derive different reports")
        height = -1 if self._cursor is None else self._cursor.height
        return {"chain": self.chain_id, "read": height, "assets": shown, "problems": problems}


def _show(report: ReserveReport) -> dict[str, Any]:
    return {
        "sequence": int(report.sequence),
        "height": int(report.height),
        "issued": str(report.issued),
        "held": str(sum(each.amount for each in report.holdings)),
        "missing": str(report.missing),
        "surplus": str(report.surplus),
    }


def _find_problems(report: ReserveReport) -> Collection[str]:
    where = f"after ledger {report.sequence} and block {report.height}"
    if report.missing:
        return [f"reserves of {report.asset}: {report.missing} are missing {where}"]
    if report.surplus:
        return [f"reserves of {report.asset}: {report.surplus} more than explained {where}"]
    return ()

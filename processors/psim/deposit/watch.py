"""One chain, watched by one instance: asks its endpoint, folds what is final. Shell.

What an endpoint says is believed by this instance alone; that others derive the same is what makes
it true. An endpoint that is away, lags or contradicts itself is waited for.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable
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
from processors.psim.deposit.backing import Backing
from processors.psim.deposit.chain import (
    ChainProgress,
    Replaced,
    compute_back_height,
    compute_first_height,
)
from processors.psim.deposit.pool import Wanted, find_wanted, make_refill
from processors.psim.deposit.rules import (
    Stand,
    show_transaction_id,
)
from processors.psim.intents import Intent
from processors.psim.meanings import Meaning, find_meanings
from processors.psim.view import Credit, LedgerView
from schemas.generated.common import AccountID, Hash
from schemas.generated.entries import ChainCheckpoint

log = structlog.get_logger()
BLOCKS_AT_ONCE = 50
"""Read before the ledger is looked at again."""
BLOCKS_ABREAST = 10
"""Asked for at the same time, and worked off in their order."""
PENDING_BLOCKS_MAX = 100
SHOWN_MAX = 100
AWAY_ALARM_S = 60.0


class ChainWatch:
    """`find_problems`: what else is wrong, by what reads the chain. `get_view`: the ledger as it is
    known now. `wake`: there is something new."""

    def __init__(
        self,
        chain_id: str,
        source: ChainSource,
        suspense: AccountID,
        get_view: Callable[[], LedgerView],
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        poll_s: float = 2.0,
        find_problems: Callable[[], list[str]] = list,
    ) -> None:
        self.chain_id = chain_id
        self._poll_s = poll_s
        self._hinted = asyncio.Event()
        self._find_more = find_problems
        self._source = source
        self._get_view = get_view
        self._wake = wake
        self._clock = clock
        self.progress = ChainProgress(chain_id, suspense)
        self.tip = self.final = -1
        self._known_final = KnownFinal()
        self._refill: Intent | None = None
        self._derived_from: object = None
        self._intents: dict[Hash, Intent] = {}
        self._pending: OrderedDict[Hash, list[ChainPayment]] = OrderedDict()
        self._pending_blocks: list[Block] = []
        self._backing = Backing(chain_id, source)
        self.unbacked: list[Credit] = []
        self._problem = "starting"
        self._problem_since = clock()
        self._is_contradicted = False
        self._mistakes: list[str] = []

    # What services ask

    def get_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        """Derived anew when there is another ledger, or something new of the chain."""
        progress = self.progress
        known = (view.sequence, progress.cursor, progress.first, progress.back, self._refill)
        if known != self._derived_from:
            self._derived_from, self._intents = known, self._derive_intents(view)
        return dict(self._intents)

    def _derive_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        self.progress.fold_ledger(view, self._find_meanings(view))
        intents = self.progress.get_intents(view)
        wanted = find_wanted(view, self.chain_id)
        if self._refill is not None and wanted is not None:
            intents[self._refill.key] = self._refill
        return intents

    def _find_meanings(self, view: LedgerView) -> dict[str, Meaning]:
        meanings, self._mistakes = find_meanings(view, self.chain_id)
        return meanings

    def get_status(self) -> dict[str, Any]:
        """Numbers and lists for operators; `problems` make the process red."""
        progress, view = self.progress, self._get_view()
        checkpoint = view.get_checkpoint(self.chain_id)
        stands = [each.decision.stand for each in progress.open.values()]
        cursor = -1 if progress.cursor is None else progress.cursor.height
        return {
            "chain": self.chain_id,
            "height": self.tip,
            "final": self.final,
            "read": cursor,
            "checkpoint": None if checkpoint is None else int(checkpoint.height),
            "lag": max(self.final - cursor, 0),
            "open": len(stands),
            "unowned": stands.count(Stand.UNOWNED),
            "stuck": stands.count(Stand.STUCK),
            "done": progress.counts[Stand.DONE],
            "dust": progress.counts[Stand.DUST],
            "late": progress.counts[Stand.LATE],
            "pending": sum(map(len, self._pending.values())),
            "unbacked": len(self.unbacked),
            "problems": self._find_problems(checkpoint),
        }

    def list_deposits(self) -> list[dict[str, Any]]:
        """Those that are not done, the unconfirmed ones among them; at most a page of each."""
        shown = []
        for block in self._pending_blocks:
            for payment in self._pending.get(block.block_hash, [])[:SHOWN_MAX]:
                confirmations = self.tip - block.height + 1
                shown.append(self._show(payment, block, "pending", confirmations=confirmations))
        for each in list(self.progress.open.values())[:SHOWN_MAX]:
            deposit, decision = each.deposit, each.decision
            shown.append(
                self._show(deposit.payment, deposit.block, decision.stand, reason=decision.reason)
            )
        for late in self.progress.late.values():
            shown.append(self._show(late.payment, late.block, Stand.LATE))
        for lost in self.unbacked[:SHOWN_MAX]:
            shown.append(
                {
                    "stand": "unbacked",
                    "amount": str(lost.amount),
                    "asset": lost.asset,
                    "details": lost.details.decode(),
                }
            )
        return [{"chain": self.chain_id, **each} for each in shown]

    def _show(self, payment: ChainPayment, block: Block, stand: str, **more: Any) -> dict[str, Any]:
        return {
            "stand": str(stand),
            "address": payment.address,
            "token": payment.token,
            "amount": str(payment.amount),
            "transaction": show_transaction_id(self.chain_id, payment.transaction_id),
            "ordinal": payment.ordinal,
            "height": block.height,
            **{name: each for name, each in more.items() if each != ""},
        }

    def _find_problems(self, checkpoint: ChainCheckpoint | None) -> list[str]:
        found = [f"{self.chain_id}: {each}" for each in self._mistakes] + self._find_more()
        if checkpoint is not None and checkpoint.evidence is not None:
            found.append(f"{self.chain_id}: halted, because a final block was replaced")
        elif self.progress.replaced is not None:
            height = self.progress.replaced.height
            found.append(f"{self.chain_id}: block {height}, which was final, is another one now")
        if self.progress.is_full():
            found.append(f"{self.chain_id}: too many deposits are open; no more blocks are read")
        if self.progress.late:
            found.append(f"{self.chain_id}: deposits were found after their window had closed")
        if self._problem:
            away_s = self._clock() - self._problem_since
            if self._is_contradicted or away_s > AWAY_ALARM_S:
                found.append(f"{self.chain_id}: {self._problem}")
        return found

    # Asking the chain

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                is_behind = await self.look()
                self._note("", is_contradiction=False)
            except ChainUnavailable as error:
                is_behind = False
                self._note(f"the endpoint is away: {error}", is_contradiction=False)
            except ChainContradiction as error:
                is_behind = False
                self._note(f"the endpoint contradicts itself: {error}", is_contradiction=True)
            await (asyncio.sleep(0) if is_behind else self._wait())

    async def _wait(self) -> None:
        """Until the next look is due, or a hint says that there is something new."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hinted.wait(), self._poll_s)
        self._hinted.clear()

    def hint(self) -> None:
        """Looks now."""
        self._hinted.set()

    def _note(self, problem: str, *, is_contradiction: bool) -> None:
        if problem and not self._problem:
            self._problem_since = self._clock()
            log.warning("chain_waits", chain=self.chain_id, reason=problem)
        self._problem, self._is_contradicted = problem, is_contradiction

    async def look(self) -> bool:
        """Once; whether there is more to read at once."""
        learned_ms = self._clock() * 1000
        self.final, self.tip = await asyncio.gather(
            self._source.get_final_height(), self._source.get_tip_height()
        )
        self._known_final.note(learned_ms, self.final)
        view = self._get_view()
        checkpoint = view.get_checkpoint(self.chain_id)
        if checkpoint is not None and checkpoint.evidence is not None:
            self.progress.reset()
            self.unbacked = await self._backing.find_unbacked(view, checkpoint, self.tip)
            return False
        self.unbacked = []
        self._backing.reset()
        await self._look_at_pool(view)
        if checkpoint is None:
            await self._find_first(view)
            return False
        if self.progress.replaced is None and not await self._stand_on(checkpoint):
            return False
        is_behind = await self._read(view)
        await self._look_at_pending(view)
        return is_behind

    async def _find_first(self, view: LedgerView) -> None:
        height = compute_first_height(view, self.chain_id)
        if height is not None and height <= self.final and self.progress.first is None:
            self.progress.first = await self._source.get_block(height)
            self._wake()

    async def _stand_on(self, checkpoint: ChainCheckpoint) -> bool:
        """Whether what was read is still the chain; begins at the checkpoint where it has to."""
        if self.final < checkpoint.height:
            raise ChainUnavailable("it has not come as far as the checkpoint")
        cursor = self.progress.cursor
        if cursor is None or cursor.height < checkpoint.height:
            block = await self._source.get_block(int(checkpoint.height))
            if block.block_hash != checkpoint.block_hash:
                return await self._note_replaced(
                    Replaced(block.height, checkpoint.block_hash), checkpoint
                )
            self.progress.begin(block)
            return True
        if self.final < cursor.height:
            raise ChainUnavailable("it was further before")
        block = await self._source.get_block(cursor.height)
        if block.block_hash == cursor.block_hash:
            return True
        return await self._note_replaced(await self._find_replaced(cursor), checkpoint)

    async def _find_replaced(self, cursor: Block) -> Replaced:
        """The first block that was read and is another one now: all instances that read it find
        the same."""
        replaced = Replaced(cursor.height, cursor.block_hash)
        for height in self.progress.get_known_heights():
            known = self.progress.get_hash(height)
            block = await self._source.get_block(height)
            if known is None or block.block_hash == known:
                break
            replaced = Replaced(height, known)
        return replaced

    async def _note_replaced(self, replaced: Replaced, checkpoint: ChainCheckpoint) -> bool:
        self.progress.back = await self._source.get_block(
            compute_back_height(self._get_view(), checkpoint)
        )
        self.progress.replaced = replaced
        log.critical("final_block_replaced", alarm=True, chain=self.chain_id, height=replaced[0])
        self._wake()
        return False

    async def _read(self, view: LedgerView) -> bool:
        """Some blocks; whether there are more."""
        progress = self.progress
        if progress.cursor is None or progress.replaced is not None:
            return False
        readable = min(self._known_final.get(view.close_time_ms), self.final)
        last = min(readable, progress.cursor.height + BLOCKS_AT_ONCE)
        addresses = frozenset(view.addresses.get(self.chain_id, ()))
        meanings = self._find_meanings(view)
        for first in range(progress.cursor.height + 1, last + 1, BLOCKS_ABREAST):
            if progress.is_full():
                return False
            heights = range(first, min(first + BLOCKS_ABREAST, last + 1))
            fetched = [self._fetch(each, addresses, tuple(meanings)) for each in heights]
            for block, payments in await asyncio.gather(*fetched):
                if not progress.follows(block):
                    return False  # the next look finds out where it went another way
                measured = await measure(self._source, block, payments)
                progress.fold_block(block, measured, view, meanings)
            self._wake()
        return last < readable

    async def _fetch(
        self, height: int, addresses: frozenset[str], tokens: tuple[str, ...]
    ) -> tuple[Block, list[ChainPayment]]:
        block = await self._source.get_block(height)
        return block, await self._source.get_payments(block, addresses, tokens)

    async def _look_at_pending(self, view: LedgerView) -> None:
        """What is in blocks that are not final yet: shown, and nothing else."""
        first = max(self.final + 1, self.tip - PENDING_BLOCKS_MAX + 1)
        addresses = frozenset(view.addresses.get(self.chain_id, ()))
        tokens = tuple(self._find_meanings(view))
        found: OrderedDict[Hash, list[ChainPayment]] = OrderedDict()
        blocks = []
        for height in range(first, self.tip + 1):
            block = await self._source.get_block(height)
            known = self._pending.get(block.block_hash)
            if known is None:
                known = await self._source.get_payments(block, addresses, tokens)
            found[block.block_hash] = known
            blocks.append(block)
        self._pending, self._pending_blocks = found, blocks

    async def _look_at_pool(self, view: LedgerView) -> None:
        """Derives what the pool lacks, once all of it can be given out."""
        wanted = find_wanted(view, self.chain_id)
        if wanted is None:
            self._refill = None
            return
        if not all([await self._source.prepare_address(wanted.keyset, i) for i in wanted.indexes]):
            return
        refill = self._derive(wanted)
        if refill != self._refill:
            self._refill = refill
            self._wake()

    def _derive(self, wanted: Wanted) -> Intent | None:
        try:
            derived = tuple(
                self._source.derive_address(wanted.keyset, index) for index in wanted.indexes
            )
        except ValueError as error:
            raise ChainContradiction(f"the deposit wallet's keyset: {error}") from None
        return make_refill(self.chain_id, wanted, derived)

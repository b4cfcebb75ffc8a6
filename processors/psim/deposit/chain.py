"""How far one chain is worked off: blocks that were read, deposits that are open, the checkpoint.

Pure; memory is bounded by what is open and by the blocks behind the checkpoint.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from processors.psim.chains.source import Block, ChainPayment
from processors.psim.deposit.batches import Credit, combine
from processors.psim.deposit.rules import (
    ENDED,
    Decision,
    Deposit,
    Stand,
    compute_reference_text,
    decide,
)
from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.meanings import Meaning
from processors.psim.view import LedgerView
from schemas.generated.common import U64, AccountID, Hash, WalletKind
from schemas.generated.entries import ChainCheckpoint
from schemas.generated.operations import AdvanceCheckpoint, CheckpointChain, StepBackCheckpoint
from streams.ledger.border.chains import is_bank

OPEN_MAX = 20_000
"""No more blocks are read while so many deposits are open."""
IN_FLIGHT_MAX = 1_000
"""So many are offered to the network at a time, in the order of the chain."""
EVERY = 8
"""Checkpoints are at heights that this divides, so that instances name the same ones; a bank's
are at each statement."""
BEHIND_MAX = 64
"""How many such heights an instance offers to sign when a peer asks."""
STEP_BACK = 1_000
"""How far a replaced final block takes the checkpoint back: deeper than any chain may go back, and
the same for an instance that has just begun and knows no older block."""
SHOWN_MAX = 100


class Replaced(NamedTuple):
    """A block that was final is another one now."""

    height: int
    was: Hash


class OpenDeposit(NamedTuple):
    """With what was decided last."""

    deposit: Deposit
    decision: Decision


class ChainProgress:
    """One instance's. `cursor`: the last block that was read. `replaced`: why it goes no further.
    `back`: the block that the checkpoint goes back to, once it was asked for."""

    def __init__(self, chain_id: str, suspense: AccountID) -> None:
        self.chain_id = chain_id
        self._suspense = suspense
        self._every = 1 if is_bank(chain_id) else EVERY
        self.reset()

    def reset(self) -> None:
        """Forgets everything: it is read again from the checkpoint."""
        self.cursor: Block | None = None
        self.replaced: Replaced | None = None
        self.back: Block | None = None
        self.first: Block | None = None
        self.open: OrderedDict[Hash, OpenDeposit] = OrderedDict()
        self.late: OrderedDict[Hash, Deposit] = OrderedDict()
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self._hashes: OrderedDict[int, Hash] = OrderedDict()

    def begin(self, block: Block) -> None:
        """Goes on after this block: the checkpoint's."""
        self.reset()
        self.cursor = block
        self._hashes[block.height] = block.block_hash

    def is_full(self) -> bool:
        return len(self.open) >= OPEN_MAX

    def get_hash(self, height: int) -> Hash | None:
        """Of a block that was read, down to the checkpoint."""
        return self._hashes.get(height)

    def get_known_heights(self) -> Sequence[int]:
        """The newest first."""
        return tuple(reversed(self._hashes))

    def follows(self, block: Block) -> bool:
        """Whether it is the block after the cursor."""
        cursor = self.cursor
        return (
            cursor is not None
            and block.height == cursor.height + 1
            and block.previous_hash == cursor.block_hash
        )

    def fold_block(
        self,
        block: Block,
        payments: Iterable[tuple[ChainPayment, int]],
        view: LedgerView,
        meanings: dict[str, Meaning],
    ) -> None:
        """The next block, with what arrived in it and was measured of each."""
        self.cursor = block
        self._hashes[block.height] = block.block_hash
        for payment, measured in payments:
            deposit = Deposit(self.chain_id, payment, block, measured)
            text = compute_reference_text(self.chain_id, payment.transaction_id, payment.ordinal)
            self._take(Hash(bytes.fromhex(text)), deposit, view, meanings)

    def _take(
        self, key: Hash, deposit: Deposit, view: LedgerView, meanings: dict[str, Meaning]
    ) -> None:
        decision = decide(view, deposit, meanings, self._suspense)
        if decision.stand in ENDED:
            self._end(key, deposit, decision.stand)
        else:
            self.open[key] = OpenDeposit(deposit, decision)

    def _end(self, key: Hash, deposit: Deposit, stand: Stand) -> None:
        self.open.pop(key, None)
        self.counts[stand] += 1
        if stand is Stand.LATE:
            self.late[key] = deposit
            if len(self.late) > SHOWN_MAX:
                self.late.popitem(last=False)

    def fold_ledger(self, view: LedgerView, meanings: dict[str, Meaning]) -> None:
        """Decides anew about everything open, as far as it can be offered now."""
        in_flight = 0
        for key, (deposit, before) in list(self.open.items()):
            decision = decide(view, deposit, meanings, self._suspense)
            if decision.stand in ENDED:
                self._end(key, deposit, decision.stand)
                continue
            if decision != before:
                self.open[key] = OpenDeposit(deposit, decision)
            in_flight += decision.intent is not None and not decision.reason
            if in_flight >= IN_FLIGHT_MAX:
                break
        checkpoint = view.get_checkpoint(self.chain_id)
        if checkpoint is not None:
            for height in [each for each in self._hashes if each < checkpoint.height]:
                del self._hashes[height]

    def get_done_height(self) -> int:
        """Up to here every deposit is credited or parked."""
        if self.cursor is None:
            return -1
        lowest = min((each.deposit.block.height for each in self.open.values()), default=None)
        return self.cursor.height if lowest is None else lowest - 1

    def get_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        """What is to be done about the chain now."""
        checkpoint = view.get_checkpoint(self.chain_id)
        if checkpoint is not None and checkpoint.evidence is not None:
            return {}
        if self.replaced is not None:
            return self._step_back(checkpoint)
        if checkpoint is None:
            return self._set_first()
        return {**self._offer(), **self._advance(checkpoint)}

    def _offer(self) -> dict[Hash, Intent]:
        """The first ones that are open, together where nothing was refused of them yet."""
        alone: list[Intent] = []
        together: list[Credit] = []
        is_all = True
        for deposit, (stand, intent, reason) in self.open.values():
            if intent is None:
                continue
            if stand is Stand.CREDIT and not reason:
                together.append(Credit(deposit.block.height, intent))
            else:
                alone.append(intent)
            # Those that wait for somebody may be many, for long.
            if len(together) >= IN_FLIGHT_MAX or len(alone) >= IN_FLIGHT_MAX:
                is_all = False
                break
        offered = combine(self.chain_id, together, is_all=is_all)
        return {each.key: each for each in (*alone, *offered)}

    def _advance(self, checkpoint: ChainCheckpoint) -> dict[Hash, Intent]:
        """The newest height is offered, those before it are signed when a peer asks."""
        done = self.get_done_height()
        every = self._every
        newest = done - done % every
        heights = range(max(checkpoint.height + 1, newest - BEHIND_MAX * every), newest + 1)
        intents = {}
        for height in heights:
            block_hash = self._hashes.get(height)
            if height % every == 0 and block_hash is not None:
                intent = self._make_advance(height, block_hash, is_offered=height == newest)
                intents[intent.key] = intent
        return intents

    def _make_advance(self, height: int, block_hash: Hash, *, is_offered: bool) -> Intent:
        body = CheckpointChain(self.chain_id, AdvanceCheckpoint(U64(height), block_hash))
        key = compute_evidence_key("checkpoint", self.chain_id, height)
        return Intent(key, "checkpoint_chain", (body,), is_offered)

    def _set_first(self) -> dict[Hash, Intent]:
        """Nothing is credited before there is a checkpoint that could go back."""
        if self.first is None:
            return {}
        intent = self._make_advance(self.first.height, self.first.block_hash, is_offered=True)
        return {intent.key: intent}

    def _step_back(self, checkpoint: ChainCheckpoint | None) -> dict[Hash, Intent]:
        replaced, back = self.replaced, self.back
        if replaced is None or back is None or checkpoint is None:
            return {}
        if back.height >= checkpoint.height:
            return {}
        evidence = compute_evidence_key("replaced", self.chain_id, replaced.height, replaced.was)
        body = CheckpointChain(
            self.chain_id, StepBackCheckpoint(U64(back.height), back.block_hash, evidence)
        )
        key = compute_evidence_key("step-back", self.chain_id, checkpoint.height, evidence)
        return {key: Intent(key, "checkpoint_chain", (body,))}


def compute_first_height(view: LedgerView, chain_id: str) -> int | None:
    """The block before the first that is read: what the first keyset of the deposit wallet binds
    from. None: there is no such wallet yet. A bank has none and begins with its first statement."""
    if is_bank(chain_id):
        return 0
    keyset = view.state.get_keyset(chain_id, WalletKind.DEPOSIT, 1)
    return None if keyset is None else max(int(keyset.binds_from) - 1, 0)


def compute_back_height(view: LedgerView, checkpoint: ChainCheckpoint) -> int:
    """Not behind the first block that is read: before it there was no address to pay to."""
    height = int(checkpoint.height)
    first = compute_first_height(view, checkpoint.chain_id) or 0
    return max(height - STEP_BACK, min(first, height - 1), 0)

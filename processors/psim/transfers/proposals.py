"""What one instance proposes on one chain, and which proposals of others it agrees to. Pure.

Instances would choose different coins and requests, so one proposes and the others judge. Who is
first changes with time; the next steps in when nothing came of it. What was agreed counts only when
the ledger takes it, which takes at most one of two that contradict each other.
"""

from collections.abc import Iterable
from itertools import accumulate

import msgspec

from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.transfers.desk import Desk
from processors.psim.transfers.ledger import (
    find_open,
    find_ready,
    find_room,
    get_policy,
    is_allowed,
    judge,
)
from processors.psim.transfers.rules import make_create_key, make_rejection
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import Hash, TransferPurpose
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.hashes import compute_hash

STEP_IN_MS = 30_000
"""How much later than the one before it an instance proposes."""
HOLD_MS = 25_000
"""A proposal of which nothing came for so long is dropped, and its requests go one by one then."""
AWAIT_MS = 60_000
"""So long a request waits of which nothing came though it went alone."""
TOLD_MAX = 200
OPERATION = "create_external_transfer"


class Held(msgspec.Struct):
    """The own proposal, and when it was made."""

    op: CreateExternalTransfer
    at_ms: int


class Proposals:
    """`rank`: which place the instance has now, from 0."""

    def __init__(self, desk: Desk, purposes: Iterable[TransferPurpose], batch_ms: int) -> None:
        self._desk = desk
        self._purposes = frozenset(purposes)
        self._batch_ms = batch_ms
        self._held: Held | None = None
        self._told: dict[Hash, Held] = {}
        self._since_ms: int | None = None
        self._newest = 0
        self._alone: set[int] = set()
        self._awaits: dict[int, int] = {}
        self.refused: dict[Hash, str] = {}

    def take(self, key: Hash, op: CreateExternalTransfer, now_ms: int) -> None:
        """A peer's, of whatever it says."""
        is_here = op.chain_id == self._desk.chain_id and op.purpose in self._purposes
        if not is_here or op.parent is not None or key != make_key(op):
            return
        self._told[key] = Held(op, now_ms)
        while len(self._told) > TOLD_MAX:
            del self._told[next(iter(self._told))]

    def get_intents(self, view: LedgerView, rank: int) -> list[Intent]:
        now_ms = view.close_time_ms
        self._note_time(view)
        intents = self._reject(view) if TransferPurpose.WITHDRAW in self._purposes else []
        self._drop(view)
        if self._held is None and self._is_due(now_ms, rank):
            op = self._propose(view)
            if op is not None and self.judge(view, op) is None:
                self._held = Held(op, now_ms)
        if self._held is not None:
            intents.append(Intent(make_key(self._held.op), OPERATION, (self._held.op,)))
        self.refused = {}
        for key, told in list(self._told.items()):
            code = self.judge(view, told.op)
            if now_ms - told.at_ms > AWAIT_MS:
                del self._told[key]
            elif code is None:
                intents.append(Intent(key, OPERATION, (told.op,), is_offered=False))
            else:
                self.refused[key] = code
        return intents

    def judge(self, view: LedgerView, op: CreateExternalTransfer) -> str | None:
        """Why a proposal is not agreed to: a code."""
        by_number = {int(e.request.request_id): e for e in find_ready(view, op.chain_id)}
        requests = [by_number[int(each)] for each in op.requests if int(each) in by_number]
        if len(requests) != len(op.requests):
            return "REQUEST_NOT_READY"
        if any(each.asset != op.asset for each in requests):
            return "WRONG_ASSET"
        if any(self._find_rejection(view, each) is not None for each in requests):
            return "REQUEST_IS_REJECTED"
        code = judge(view, op, requests)
        if code is not None:
            return code
        if op.purpose is TransferPurpose.WITHDRAW:
            return self._desk.judge_withdrawal(view, op, requests)
        return self._desk.judge_sweep(view, op)

    def _note_time(self, view: LedgerView) -> None:
        """Turns count from when there was something to propose, or a proposal was taken."""
        transfers = find_open(view, self._desk.chain_id, self._purposes)
        newest = max((int(each.transfer_id) for each in transfers), default=0)
        if newest > self._newest or self._since_ms is None:
            self._newest = max(newest, self._newest)
            self._since_ms = view.close_time_ms

    def _is_due(self, now_ms: int, rank: int) -> bool:
        since_ms = now_ms if self._since_ms is None else self._since_ms
        return now_ms - since_ms >= rank * STEP_IN_MS

    def _propose(self, view: LedgerView) -> CreateExternalTransfer | None:
        if TransferPurpose.WITHDRAW not in self._purposes:
            return self._desk.propose_sweep(view)
        ready = [each for each in find_ready(view, self._desk.chain_id) if self._can_go(view, each)]
        if not ready:
            self._since_ms = view.close_time_ms
            return None
        oldest_ms = min(int(each.request.created_at_ms) for each in ready)
        if view.close_time_ms - oldest_ms < self._batch_ms:
            return None
        first = ready[0]
        alone = int(first.request.request_id) in self._alone
        same = [first] if alone else [e for e in ready if e.asset == first.asset and self._joins(e)]
        return self._desk.propose_withdrawal(view, self._cut(view, same))

    def _cut(self, view: LedgerView, ready: list[Withdrawal]) -> list[Withdrawal]:
        """As many of the first as caps let go together."""
        asset = ready[0].asset
        room = find_room(view, self._desk.chain_id, asset, TransferPurpose.WITHDRAW)
        sums = accumulate(int(each.body.amount) for each in ready)
        return [each for each, total in zip(ready, sums, strict=True) if total <= room]

    def _joins(self, withdrawal: Withdrawal) -> bool:
        return int(withdrawal.request.request_id) not in self._alone

    def _can_go(self, view: LedgerView, withdrawal: Withdrawal) -> bool:
        if view.close_time_ms < self._awaits.get(int(withdrawal.request.request_id), 0):
            return False
        policy = get_policy(view, self._desk.chain_id, withdrawal.asset, TransferPurpose.WITHDRAW)
        if policy is None or self._find_rejection(view, withdrawal) is not None:
            return False
        return is_allowed(view, policy, withdrawal)

    def _drop(self, view: LedgerView) -> None:
        held = self._held
        if held is None:
            return
        is_old = view.close_time_ms - held.at_ms > HOLD_MS
        if is_old:
            for each in map(int, held.op.requests):
                if len(held.op.requests) == 1:
                    self._awaits[each] = view.close_time_ms + AWAIT_MS
                self._alone.add(each)
        if is_old or self.judge(view, held.op) is not None:
            self._held = None
        self._alone &= set(view.withdrawals)
        self._awaits = {n: at for n, at in self._awaits.items() if n in view.withdrawals}

    def _reject(self, view: LedgerView) -> list[Intent]:
        """What can never be paid is given back; every instance says so by itself."""
        intents = []
        for each in find_ready(view, self._desk.chain_id):
            reason = self._find_rejection(view, each)
            if reason is not None:
                body = make_rejection(each.request, reason)
                key = compute_reject_key(self._desk.chain_id, int(each.request.request_id))
                intents.append(Intent(key, "review_request", (body,)))
        return intents

    def _find_rejection(self, view: LedgerView, withdrawal: Withdrawal) -> str | None:
        policy = get_policy(view, self._desk.chain_id, withdrawal.asset, TransferPurpose.WITHDRAW)
        if policy is not None and withdrawal.body.amount > policy.caps.transfer:
            return "ABOVE_CAP"
        return self._desk.find_rejection(view, withdrawal)


def make_key(op: CreateExternalTransfer) -> Hash:
    return make_create_key(op, compute_hash(op.payload))


def compute_reject_key(chain_id: str, request_id: int) -> Hash:
    return compute_evidence_key("reject", chain_id, request_id)

"""A service that moves value out: Withdraw or Funnel, on all its chains. Shell.

It derives from the ledger and its desks, signs as a cosigner what it has checked, and sends what
was confirmed. Nothing is kept: a restart derives the same.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import structlog

from processors.psim.chains.adapter import AdapterError
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from processors.psim.intents import Intent
from processors.psim.signing.cosigner import Cosigner
from processors.psim.transfers.desk import Desk
from processors.psim.transfers.ledger import (
    find_keyset,
    find_open,
    find_payload,
    find_ready,
    find_valid_slots,
    is_gas,
)
from processors.psim.transfers.looks import Looks
from processors.psim.transfers.proposals import Proposals
from processors.psim.transfers.rules import find_intents, find_sendable
from processors.psim.view import LedgerView
from processors.psim.watches import run_together
from schemas.codec import Malformed, decode
from schemas.generated.common import Hash, PublicKey, TransferPurpose
from schemas.generated.entries import ExternalTransfer, TransferState
from schemas.generated.events import Evidence
from schemas.generated.operations import CreateExternalTransfer
from schemas.generated.transactions import Transaction
from streams.ledger.windows import compute_window

log = structlog.get_logger()
SHOWN_MAX = 100
AWAY_ALARM_S = 60.0
UNSIGNED_ALARM_MS = 10 * 60 * 1000


class TransferService:
    """See `processors.psim.intents.Service`. `purposes`: the transfers that it minds; `looks`: by
    which desks are asked that other services of the process have too."""

    def __init__(
        self,
        name: str,
        purposes: Iterable[TransferPurpose],
        desks: Sequence[Desk],
        public_key: PublicKey,
        cosigner: Cosigner | None,
        poll_s: float,
        batch_ms: int = 0,
        looks: Looks | None = None,
    ) -> None:
        self.name = name
        self.desks = tuple(desks)
        self._purposes = frozenset(purposes)
        self._public_key = public_key
        self._cosigner = cosigner
        self._poll_s = poll_s
        self._looks = Looks() if looks is None else looks
        self._proposals = {e.chain_id: Proposals(e, self._purposes, batch_ms) for e in self.desks}
        self._looked: dict[str, bool] = {}
        self._problems: dict[str, tuple[str, float]] = {}
        self._view: LedgerView | None = None

    def get_intents(self, view: LedgerView) -> Mapping[Hash, Intent]:
        self._view = view
        intents: dict[Hash, Intent] = {}
        for desk in self.desks:
            if not self._looked.get(desk.chain_id):
                continue
            found = [
                intent
                for transfer in find_open(view, desk.chain_id, self._purposes)
                for intent in find_intents(view, desk, transfer)
            ]
            found += self._proposals[desk.chain_id].get_intents(view, self.compute_rank(view))
            intents.update({each.key: each for each in found})
            self._sign(view, desk)
        return intents

    def compute_rank(self, view: LedgerView) -> int:
        """Who is first changes from window to window."""
        keys = view.list_instances()
        if self._public_key not in keys:
            return len(keys)
        return (keys.index(self._public_key) + compute_window(view.close_time_ms)) % len(keys)

    def consider(self, told: Evidence) -> None:
        """A peer's proposal: it is judged with everything else."""
        try:
            operations = decode(Transaction, told.transaction).operations
        except Malformed:
            return
        for each in operations:
            if isinstance(each.body, CreateExternalTransfer) and self._view is not None:
                for proposals in self._proposals.values():
                    proposals.take(told.key, each.body, self._view.close_time_ms)

    def _sign(self, view: LedgerView, desk: Desk) -> None:
        """As a cosigner, what awaits signatures and is right by the ledger."""
        cosigner = self._cosigner
        for transfer in find_open(view, desk.chain_id, self._purposes):
            if cosigner is None or transfer.state is not TransferState.COMMITTED:
                continue
            version = len(transfer.versions)
            keyset, payload = find_keyset(view, transfer, version), find_payload(view, transfer)
            number = transfer.transfer_id
            entry = view.state.get_transfer_signature(number, version, cosigner.account_id)
            if keyset is None or payload is None or entry is not None:
                continue
            try:
                code = desk.review(view, transfer, payload.payload, keyset)
                if code is None:
                    cosigner.sign(view, transfer, keyset, payload)
            except (AdapterError, ValueError) as error:
                code = str(error)
            self._note(f"transfer {number}", code and f"is not signed: {code}")

    # Asking and sending

    async def run(self) -> None:
        await run_together(self._run(desk) for desk in self.desks)

    async def _run(self, desk: Desk) -> None:
        while True:
            await self.look(desk)
            await asyncio.sleep(self._poll_s)

    async def look(self, desk: Desk) -> None:
        """Once: what is new, and what is to be sent."""
        view = self._view
        if view is None:
            self._looked.setdefault(desk.chain_id, False)
            return
        try:
            await self._looks.look(desk, view)
            self._looked[desk.chain_id] = True
            await self._send(view, desk)
            self._note(desk.chain_id, None)
        except ChainUnavailable as error:
            self._note(desk.chain_id, f"the endpoint is away: {error}", AWAY_ALARM_S)
        except ChainContradiction as error:
            self._looked[desk.chain_id] = False
            self._note(desk.chain_id, f"the endpoint contradicts itself: {error}")

    async def _send(self, view: LedgerView, desk: Desk) -> None:
        for transfer in find_open(view, desk.chain_id, self._purposes):
            sendable = find_sendable(view, desk, transfer)
            if sendable is None:
                continue
            version, slots = sendable
            keyset = find_keyset(view, transfer, version)
            payload = find_payload(view, transfer, version)
            valid = find_valid_slots(view, transfer, version)
            if keyset is not None and payload is not None and set(slots) <= set(valid):
                chosen = {slot: valid[slot] for slot in slots}
                await desk.send(view, transfer, payload.payload, keyset, chosen)

    def _note(self, about: str, problem: str | None, after_s: float = 0.0) -> None:
        if problem is None:
            self._problems.pop(about, None)
            return
        before = self._problems.get(about)
        since = time.monotonic() + after_s if before is None else before[1]
        self._problems[about] = (problem, since)

    # Telling

    def get_status(self) -> Mapping[str, Any]:
        view = self._view
        now = time.monotonic()
        problems = [
            f"{about}: {problem}"
            for about, (problem, since) in sorted(self._problems.items())
            if now >= since
        ]
        chains: list[dict[str, Any]] = []
        if view is None:
            return {"problems": problems, "chains": chains}
        for desk in self.desks:
            problems += desk.find_problems(view) if self._looked.get(desk.chain_id) else []
            problems += self._find_unsigned(view, desk)
            chains.append(self._show(view, desk))
        return {"problems": problems, "chains": chains}

    def _find_unsigned(self, view: LedgerView, desk: Desk) -> list[str]:
        return [
            f"transfer {each.transfer_id}: has too few signatures"
            for each in find_open(view, desk.chain_id, self._purposes)
            if each.state is TransferState.COMMITTED
            and (each.purpose is not TransferPurpose.REFILL or is_gas(each))
            and view.close_time_ms - each.created_at_ms > UNSIGNED_ALARM_MS
        ]

    def _show(self, view: LedgerView, desk: Desk) -> dict[str, Any]:
        transfers = find_open(view, desk.chain_id, self._purposes)
        states = [each.state for each in transfers]
        refused = self._proposals[desk.chain_id].refused
        is_withdraw = TransferPurpose.WITHDRAW in self._purposes
        return {
            "chain": desk.chain_id,
            "final": desk.final,
            "ready": len(find_ready(view, desk.chain_id)) if is_withdraw else 0,
            "open": sum(each is not TransferState.SETTLED for each in states),
            "unknown": states.count(TransferState.UNKNOWN),
            "settled": states.count(TransferState.SETTLED),
            "refused": sorted(set(refused.values())),
            "transfers": [self._show_transfer(desk, each) for each in transfers[-SHOWN_MAX:]],
        }

    def _show_transfer(self, desk: Desk, transfer: ExternalTransfer) -> dict[str, Any]:
        number = int(transfer.transfer_id)
        stand = transfer.state.name.lower()
        if transfer.state is not TransferState.SETTLED and number in desk.mined:
            stand = "mined"
        return {
            "transfer": number,
            "purpose": transfer.purpose.name,
            "asset": transfer.asset,
            "stand": stand,
            "version": len(transfer.versions),
            "outcome": None if transfer.outcome is None else transfer.outcome.name,
        }

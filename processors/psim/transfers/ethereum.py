"""Ethereum's desk: asks an endpoint what Safes hold and did, sends what was confirmed. Shell."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from processors.psim.chains import ethereum_transfers as safes
from processors.psim.chains.ethereum_transfers import CALL, SafeTransfer
from processors.psim.chains.ethereum_wallet import EthereumWallet, Execution, compute_change
from processors.psim.chains.source import COIN, Block, ChainSource, ChainUnavailable
from processors.psim.intents import compute_evidence_key
from processors.psim.transfers import ethereum_rules as rules
from processors.psim.transfers import ethereum_sweeps as sweeps
from processors.psim.transfers.desk import Bump, Found
from processors.psim.transfers.ethereum_rules import EthereumFacts, Holding
from processors.psim.transfers.ledger import (
    find_assets,
    find_open,
    find_payload,
    find_valid_slots,
    get_target,
    is_gas,
)
from processors.psim.transfers.rules import find_sendable
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import TransferOutcome, TransferPurpose, WalletKind
from schemas.generated.entries import ExternalAddress, ExternalTransfer, Keyset, TransferState
from schemas.generated.keys import external_address_key
from schemas.generated.operations import CreateExternalTransfer

ADDRESSES_AT_ONCE = 200
"""Deposit addresses whose holdings are asked for at a look; all of them come up in turn."""


class Open(NamedTuple):
    """A transfer as it stood when a look began, and what its payload says."""

    transfer: ExternalTransfer
    made: SafeTransfer


class EthereumDesk:
    """A `Desk`."""

    def __init__(
        self, chain_id: str, source: ChainSource, wallet: EthereumWallet, depth: int
    ) -> None:
        self.chain_id = chain_id
        self.depth = depth
        self.facts = EthereumFacts(chain_id, int(chain_id.partition(":")[2]))
        self.found: dict[int, Found] = {}
        self.mined: frozenset[int] = frozenset()
        self.looked_after = 0
        self._source = source
        self._wallet = wallet
        self._held: dict[tuple[str, str], int] = {}
        self._turn = 0
        self._strange: dict[int, str] = {}
        self._refused: dict[int, str] = {}
        self._latest: dict[str, int] = {}
        self._gas: int | None = None
        self._seen: object = None

    @property
    def final(self) -> int:
        return self.facts.final

    # Asking

    async def look(self, view: LedgerView) -> None:
        final, tip = await asyncio.gather(
            self._source.get_final_height(), self._source.get_tip_height()
        )
        transfers = self._read(view)
        known = rules.find_safes(view, self.chain_id)
        tokens = sorted(set(find_assets(view, self.chain_id).values()) | {COIN})
        addresses = self._list_bound(view)
        newest = (await self._source.get_block(tip)).block_hash
        stands = {n: (e.transfer.state, len(e.transfer.versions)) for n, e in transfers.items()}
        seen = (newest, final, known, tokens, addresses, stands)
        if seen == self._seen and len(addresses) <= ADDRESSES_AT_ONCE:
            return  # nothing can have changed
        block = await self._source.get_block(final)
        await self._find_executions(view, transfers, final, tip)
        nonces = {s: await self._wallet.get_nonce(s, hex(final)) for s in known.values()}
        self._latest = {s: await self._wallet.get_nonce(s, "latest") for s in known.values()}
        held = {
            (wallet, token): await self._source.get_holding(safe, token, block)
            for wallet, safe in known.items()
            for token in tokens
        }
        forwarders = await self._find_forwarders(addresses, tokens, block)
        facts = EthereumFacts(
            self.chain_id, self.facts.number, final, nonces, held, forwarders, frozenset()
        )
        facts.failing = await self._find_failing(view, facts, transfers)
        relayers = rules.find_relayers(view, self.chain_id)
        facts.gas = {each: await self._wallet.get_balance(each) for each in relayers}
        self.facts = facts
        if self._wallet.relayer is not None:
            self._gas = await self._wallet.get_balance(self._wallet.relayer)
        self._seen = seen

    def _read(self, view: LedgerView) -> dict[int, Open]:
        """All that stand, and forgets those that do not."""
        found = {}
        for each in find_open(view, self.chain_id):
            payload = find_payload(view, each, 1)
            if payload is not None:
                found[int(each.transfer_id)] = Open(each, safes.read_payload(payload.payload))
        for number in [each for each in self.found if each not in found]:
            del self.found[number]
        self._strange = {n: why for n, why in self._strange.items() if n in found}
        self._refused = {n: why for n, why in self._refused.items() if n in found}
        return found

    async def _find_executions(
        self, view: LedgerView, transfers: Mapping[int, Open], final: int, tip: int
    ) -> None:
        """By safeTxHash, in blocks behind the one that each names."""
        mined: set[int] = set()
        for safe in sorted({each.made.safe for each in transfers.values()}):
            mine = {n: e for n, e in transfers.items() if e.made.safe == safe}
            waiting = {n: e for n, e in mine.items() if n not in self.found}
            if not waiting:
                continue
            first = min(each.made.after for each in waiting.values()) + 1
            executions = await self._wallet.find_executions(safe, first, tip)
            by_hash = {each.safe_hash: each for each in executions}
            for number, each in waiting.items():
                execution = by_hash.get(safes.compute_hash(each.made))
                if execution is not None and execution.height > final:
                    mined.add(number)
                elif execution is not None:
                    await self._measure(view, each, execution)
        self.mined = frozenset(mined)
        self._find_conflicts(transfers)

    def _find_conflicts(self, transfers: Mapping[int, Open]) -> None:
        """What shares the nonce of one that happened never does. That a nonce is used is no proof
        by itself: only the execution of the other transfer is."""
        for number, (transfer, _) in transfers.items():
            other = transfer.parent if transfer.parent is not None else transfer.cancel
            found = None if other is None else self.found.get(other)
            if number in self.found or found is None:
                continue
            if found.outcome is not TransferOutcome.CONFLICTED:
                conflict = TransferOutcome.CONFLICTED
                self.found[number] = Found(conflict, found.evidence, found.height)

    async def _measure(self, view: LedgerView, open_: Open, execution: Execution) -> None:
        """By what it moved: an execution that succeeds is none of a token that says no."""
        transfer, made = open_
        number = int(transfer.transfer_id)
        evidence = compute_evidence_key(
            "execution", self.chain_id, execution.block_hash, execution.transaction_id
        )
        outcome: TransferOutcome | None = TransferOutcome.PAID
        if not execution.is_success:
            outcome = TransferOutcome.INEFFECTIVE
        elif transfer.purpose in (TransferPurpose.WITHDRAW, TransferPurpose.REFILL):
            outcome = await self._measure_payout(view, transfer, made, execution)
        if outcome is None:
            self._strange[number] = "its token contradicts itself about what was moved"
        else:
            is_fee = is_gas(transfer) and outcome is TransferOutcome.PAID
            fee = int(transfer.amount) if is_fee else 0
            self.found[number] = Found(outcome, evidence, execution.height, fee)

    async def _measure_payout(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        made: SafeTransfer,
        execution: Execution,
    ) -> TransferOutcome | None:
        token = find_assets(view, self.chain_id).get(transfer.asset)
        if token == COIN:
            return TransferOutcome.PAID  # the chain itself moves coins, or the call fails
        token = made.call.to
        moved = await self._wallet.find_moved(execution)
        block = await self._source.get_block(execution.height)
        before = await self._source.get_block(execution.height - 1)
        held = [await self._source.get_holding(made.safe, token, e) for e in (before, block)]
        in_block = await self._wallet.find_moved_in_block(execution.block_hash, token)
        if block.block_hash != execution.block_hash:
            raise ChainUnavailable("the block is another one now")
        if held[1] - held[0] != compute_change(in_block, made.safe):
            return None
        is_paid = any(
            each.token == token
            and each.sender == made.safe
            and rules.make_call(token, each.to, each.amount) == made.call
            for each in moved
        )
        return TransferOutcome.PAID if is_paid else TransferOutcome.INEFFECTIVE

    def _list_bound(self, view: LedgerView) -> list[str]:
        """The deposit addresses that somebody has."""
        return [
            address
            for address in sorted(view.addresses.get(self.chain_id, ()))
            if _is_bound(view, self.chain_id, address)
        ]

    async def _find_forwarders(
        self, addresses: list[str], tokens: Sequence[str], block: Block
    ) -> tuple[Holding, ...]:
        """Some at a look; all of them in turn."""
        start = self._turn % max(len(addresses), 1)
        chosen = (addresses[start:] + addresses[:start])[:ADDRESSES_AT_ONCE]
        self._turn = start + len(chosen)
        places = [(address, token) for address in chosen for token in tokens]
        amounts = await asyncio.gather(*(self._source.get_holding(*e, block) for e in places))
        self._held.update(zip(places, amounts, strict=True))
        return tuple(Holding(*place, amount) for place, amount in self._held.items() if amount)

    async def _find_failing(
        self, view: LedgerView, facts: EthereumFacts, transfers: Mapping[int, Open]
    ) -> frozenset[int]:
        """Those whose turn it is, which the wallet covers, and which fail in the last final block
        and in the newest one."""
        failing = set()
        for number, (transfer, made) in transfers.items():
            is_waiting = number not in self.found and number not in self.mined
            is_confirmed = transfer.state in (TransferState.CONFIRMED, TransferState.UNKNOWN)
            if not is_waiting or not is_confirmed or facts.nonces.get(made.safe) != made.nonce:
                continue
            if transfer.purpose is not TransferPurpose.SWEEP and not self._is_covered(
                view, facts, transfer
            ):
                continue
            if await self._is_failing(view, transfer, made, facts.final):
                failing.add(number)
        return frozenset(failing)

    def _is_covered(
        self, view: LedgerView, facts: EthereumFacts, transfer: ExternalTransfer
    ) -> bool:
        token = find_assets(view, self.chain_id).get(transfer.asset, COIN)
        return facts.safes.get((transfer.wallet, token), 0) >= transfer.amount

    async def _is_failing(
        self, view: LedgerView, transfer: ExternalTransfer, made: SafeTransfer, final: int
    ) -> bool:
        sender, to, wei, data = made.safe, made.call.to, made.call.wei, made.call.data
        if made.operation != CALL:
            sendable = find_sendable(view, self, transfer)
            if sendable is None:
                return False
            valid = find_valid_slots(view, transfer, sendable[0])
            keyset = view.state.get_keyset(
                self.chain_id,
                transfer.wallet,
                transfer.versions[sendable[0] - 1].keyset_version,
            )
            if keyset is None or not set(sendable[1]) <= set(valid):
                return False
            chosen = {slot: valid[slot] for slot in sendable[1]}
            data = safes.combine(safes.write_payload(made), keyset, chosen)
            sender, to, wei = self._wallet.relayer or safes.ZERO, made.safe, 0
        for at in (hex(final), "latest"):
            if not await self._wallet.is_reverting(sender, to, wei, data, at):
                return False
        return True

    async def send(
        self,
        view: LedgerView,  # noqa: ARG002 - a common form
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,
        signatures: Mapping[int, bytes],
    ) -> None:
        """In the order of nonces."""
        number, made = int(transfer.transfer_id), safes.read_payload(payload)
        if number in self.mined or self._latest.get(made.safe) != made.nonce:
            return
        data = safes.combine(payload, keyset, signatures)
        self._refused[number] = await self._wallet.send(made.safe, data)

    # Deciding

    def propose_withdrawal(
        self, view: LedgerView, ready: Sequence[Withdrawal]
    ) -> CreateExternalTransfer | None:
        return rules.propose_withdrawal(view, self.facts, ready)

    def judge_withdrawal(
        self, view: LedgerView, op: CreateExternalTransfer, requests: Sequence[Withdrawal]
    ) -> str | None:
        return rules.judge_withdrawal(view, self.facts, op, requests)

    def propose_sweep(self, view: LedgerView) -> CreateExternalTransfer | None:
        return sweeps.propose_sweep(view, self.facts)

    def judge_sweep(self, view: LedgerView, op: CreateExternalTransfer) -> str | None:
        return sweeps.judge_sweep(view, self.facts, op)

    def review(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,  # noqa: ARG002 - other chains look at it
    ) -> str | None:
        return rules.review(view, self.facts, transfer, payload)

    def find_rejection(self, view: LedgerView, withdrawal: Withdrawal) -> str | None:
        return rules.find_rejection(view, self.facts, withdrawal)

    def make_bump(
        self,
        view: LedgerView,  # noqa: ARG002
        transfer: ExternalTransfer,  # noqa: ARG002
    ) -> Bump | None:
        """What is signed has no price: who sends it pays more by itself."""
        return None

    def make_cancel(
        self, view: LedgerView, transfer: ExternalTransfer
    ) -> CreateExternalTransfer | None:
        return rules.make_cancel_of(view, self.facts, transfer)

    def find_problems(self, view: LedgerView) -> list[str]:
        problems = [f"transfer {number}: {why}" for number, why in sorted(self._strange.items())]
        if self._gas is not None and self._gas < rules.GAS_LOW:
            problems.append(f"{self.chain_id}: {self._wallet.relayer} has little gas: refill it")
        for asset, token in sorted(find_assets(view, self.chain_id).items()):
            held = self.facts.safes.get((WalletKind.HOT, token), 0)
            cold = self.facts.safes.get((WalletKind.COLD, token), 0)
            swept = sum(each.amount for each in self.facts.forwarders if each.token == token)
            target = min(get_target(view, asset), held + cold + swept)
            if held * sweeps.LOW < target:
                problems.append(f"{self.chain_id}: the hot wallet is low on {asset}: refill it")
        return problems


def _is_bound(view: LedgerView, chain_id: str, address: str) -> bool:
    entry = view.state.get(external_address_key(chain_id, address))
    return isinstance(entry, ExternalAddress) and entry.bindings > 0

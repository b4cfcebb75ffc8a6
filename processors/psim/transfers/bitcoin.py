"""Bitcoin's desk: asks one endpoint for coins and spends, sends what was confirmed. Shell."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from processors.psim.chains import bitcoin_transfers as psbt
from processors.psim.chains.adapter import PayloadUnreadable
from processors.psim.chains.bitcoin_addresses import CHANGE, RECEIVING, Network
from processors.psim.chains.bitcoin_transfers import Outpoint
from processors.psim.chains.bitcoin_wallet import BitcoinWallet, Place, Spend
from processors.psim.chains.source import Block, ChainSource, ChainUnavailable
from processors.psim.intents import compute_evidence_key
from processors.psim.transfers import bitcoin_rules as rules
from processors.psim.transfers import bitcoin_sweeps as sweeps
from processors.psim.transfers.bitcoin_rules import BitcoinFacts
from processors.psim.transfers.desk import Bump, Found
from processors.psim.transfers.ledger import (
    find_coin_asset,
    find_keyset,
    find_open,
    find_payload,
    find_payloads,
    get_target,
)
from processors.psim.transfers.rules import is_bump_due, is_pinned
from processors.psim.view import LedgerView, Withdrawal
from schemas.generated.common import Hash, TransferOutcome, WalletKind
from schemas.generated.entries import ExternalAddress, ExternalTransfer, Keyset, TransferState
from schemas.generated.keys import external_address_key
from schemas.generated.operations import CreateExternalTransfer

BLOCKS_KEPT = 32


class BitcoinDesk:
    """A `Desk`. `depth`: how many blocks above its own make an outcome final for good."""

    def __init__(
        self, network: Network, source: ChainSource, wallet: BitcoinWallet, depth: int
    ) -> None:
        self.chain_id = network.chain_id
        self.depth = depth
        self.facts = BitcoinFacts(network)
        self.found: dict[int, Found] = {}
        self.mined: frozenset[int] = frozenset()
        self.looked_after = 0
        self._source = source
        self._wallet = wallet
        self._read: dict[int, int] = {}  # up to which block each transfer was looked for
        self._newest: Block | None = None
        self._last_read: Block | None = None
        self._strange: dict[int, str] = {}
        self._refused: dict[int, str] = {}
        self._spends: OrderedDict[Hash, Mapping[Outpoint, Spend]] = OrderedDict()
        self._looked_at: tuple[Block, int, frozenset[bytes]] | None = None

    @property
    def final(self) -> int:
        return self.facts.final

    # Asking

    async def look(self, view: LedgerView) -> None:
        final, tip = await asyncio.gather(
            self._source.get_final_height(), self._source.get_tip_height()
        )
        transfers = find_open(view, self.chain_id)
        newest = await self._source.get_block(tip)
        if newest != self._newest:
            await self._forget_replaced(final)
            self._newest = newest
        await self._find_outcomes(view, transfers, final)
        await self._find_mined(view, transfers, final, tip)
        await self._find_coins(view, newest, final)

    async def _forget_replaced(self, final: int) -> None:
        """Where a final block is another one now, everything is looked for again, as after a
        restart: it may have happened in a block that was read as another one."""
        last = self._last_read
        if last is not None and last.height > final:
            raise ChainUnavailable("it was further before")
        newest = await self._source.get_block(final)
        if last is not None and await self._source.get_block(last.height) != last:
            self.found.clear()
            self._read.clear()
            self.looked_after = 0
        self._last_read = newest

    async def _find_coins(self, view: LedgerView, newest: Block, final: int) -> None:
        """When there is another block, or another address."""
        places = find_places(view, self.facts.network)
        if self._looked_at == (newest, final, frozenset(places)):
            return
        coins = await self._wallet.find_coins(places, newest.height, final)
        rate = await self._wallet.estimate_rate()
        self.facts = BitcoinFacts(self.facts.network, final, coins, rate)
        self._looked_at = (newest, final, frozenset(places))

    async def _find_outcomes(
        self, view: LedgerView, transfers: Sequence[ExternalTransfer], final: int
    ) -> None:
        """Reads each final block once for all transfers that may be in it."""
        numbers = {int(each.transfer_id) for each in transfers}
        for known in (self.found, self._read, self._strange, self._refused):
            for number in [each for each in known if each not in numbers]:
                del known[number]
        waiting = [e for e in transfers if int(e.transfer_id) not in self.found]
        firsts = {int(e.transfer_id): self._find_first(view, e) for e in waiting}
        for height in range(min(firsts.values(), default=final) + 1, final + 1):
            block = await self._source.get_block(height)
            spends = await self._get_spends(block.block_hash)
            for each in waiting:
                number = int(each.transfer_id)
                if number not in self.found and firsts[number] < height:
                    self._judge_spends(view, each, spends, block.block_hash, height)
                    self._read[number] = height

    def _find_first(self, view: LedgerView, transfer: ExternalTransfer) -> int:
        """The block behind which it may be."""
        number = int(transfer.transfer_id)
        payload = find_payload(view, transfer, 1)
        if number not in self._read and payload is not None:
            self._read[number] = psbt.read_payload(payload.payload).lock_height
        return self._read.get(number, self.final)

    def _judge_spends(
        self,
        view: LedgerView,
        transfer: ExternalTransfer,
        spends: Mapping[Outpoint, Spend],
        block_hash: Hash,
        height: int,
    ) -> None:
        """By its coins: who spends one of them is the transfer, or makes it impossible."""
        versions = [psbt.read_payload(each) for each in find_payloads(view, transfer)]
        inputs = versions[0].inputs if versions else ()  # it may be closed meanwhile
        spend = next((spends[i.outpoint] for i in inputs if i.outpoint in spends), None)
        if spend is None:
            return
        number = int(transfer.transfer_id)
        evidence = compute_evidence_key("spend", self.chain_id, block_hash, spend.transaction_id)
        for each in versions:
            if psbt.compute_transaction_id(each) == spend.transaction_id:
                self.found[number] = Found(TransferOutcome.PAID, evidence, height, each.fee)
                return
        recipients = {out for each in versions for out in each.outputs[: len(transfer.requests)]}
        if recipients & set(spend.outputs):
            self._strange[number] = "an unknown transaction spent its coins and pays a recipient"
            return
        self.found[number] = Found(TransferOutcome.CONFLICTED, evidence, height)

    async def _find_mined(
        self, view: LedgerView, transfers: Sequence[ExternalTransfer], final: int, tip: int
    ) -> None:
        """In blocks that are not final: they are neither sent nor replaced while they are there."""
        unsettled = [e for e in transfers if e.state is not TransferState.SETTLED]
        spent: set[Outpoint] = set()
        for height in range(final + 1, tip + 1) if unsettled else ():
            block = await self._source.get_block(height)
            spent |= set(await self._get_spends(block.block_hash))
        self.mined = frozenset(
            int(each.transfer_id)
            for each in unsettled
            for payload in (find_payload(view, each, 1),)
            if payload is not None
            and spent & {i.outpoint for i in psbt.read_payload(payload.payload).inputs}
        )

    async def _get_spends(self, block_hash: Hash) -> Mapping[Outpoint, Spend]:
        found = self._spends.get(block_hash)
        if found is None:
            found = self._spends[block_hash] = await self._wallet.get_spends(block_hash)
            while len(self._spends) > BLOCKS_KEPT:
                self._spends.popitem(last=False)
        return found

    async def send(
        self,
        view: LedgerView,  # noqa: ARG002 - other chains look at it
        transfer: ExternalTransfer,
        payload: bytes,
        keyset: Keyset,
        signatures: Mapping[int, bytes],
    ) -> None:
        number = int(transfer.transfer_id)
        if number in self.mined:
            return
        raw = psbt.combine(payload, keyset, signatures)
        self._refused[number] = await self._wallet.send(raw)

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
        asset = find_coin_asset(view, self.chain_id)
        return None if asset is None else sweeps.propose_sweep(view, self.facts, asset)

    def judge_sweep(self, view: LedgerView, op: CreateExternalTransfer) -> str | None:
        asset = find_coin_asset(view, self.chain_id)
        return "NO_ASSET" if asset is None else sweeps.judge_sweep(view, self.facts, op, asset)

    def review(
        self, view: LedgerView, transfer: ExternalTransfer, payload: bytes, keyset: Keyset
    ) -> str | None:
        return rules.review(view, self.facts, transfer, payload, keyset)

    def find_rejection(
        self,
        view: LedgerView,  # noqa: ARG002 - other chains look at it
        withdrawal: Withdrawal,
    ) -> str | None:
        return rules.find_rejection(self.facts, withdrawal)

    def make_bump(self, view: LedgerView, transfer: ExternalTransfer) -> Bump | None:
        payload = find_payload(view, transfer)
        keyset = find_keyset(view, transfer, 1)
        if payload is None or keyset is None:
            return None
        return rules.make_bump(view, self.facts, transfer, payload.payload, keyset)

    def make_cancel(
        self,
        view: LedgerView,  # noqa: ARG002
        transfer: ExternalTransfer,  # noqa: ARG002
    ) -> CreateExternalTransfer | None:
        """A transaction of Bitcoin does not fail: it is replaced or it waits."""
        return None

    def find_problems(self, view: LedgerView) -> list[str]:
        """Pinned: it waits, whatever it pays, or can pay no more; it counts as not paid."""
        problems = [f"transfer {number}: {why}" for number, why in sorted(self._strange.items())]
        for each in find_open(view, self.chain_id):
            number = int(each.transfer_id)
            if number in self.mined or number in self.found:
                continue
            is_stuck = is_bump_due(view, each) and self.make_bump(view, each) is None
            if is_stuck or (each.versions[0].confirmed and is_pinned(view, each)):
                why = self._refused.get(number, "")
                problems.append(f"transfer {number}: is sent, and not mined for long: {why}")
        if self._is_low(view):
            problems.append(f"{self.chain_id}: the hot wallet is low: refill it")
        return problems

    def _is_low(self, view: LedgerView) -> bool:
        """Measured by its target, or by all there is where that is less."""
        asset = find_coin_asset(view, self.chain_id)
        all_there_is = sum(each.satoshis for each in self.facts.coins.values())
        target = 0 if asset is None else min(get_target(view, asset), all_there_is)
        return sweeps.compute_hot(view, self.facts) * sweeps.LOW < target


def find_places(view: LedgerView, network: Network) -> dict[bytes, Place]:
    """Of all addresses of all wallets, also of earlier keysets, by their scripts."""
    places = {}
    for wallet in (WalletKind.HOT, WalletKind.COLD):
        for keyset in find_keysets(view, network.chain_id, wallet):
            for branch in (RECEIVING, CHANGE):
                script = network.derive_script(keyset, 0, branch)
                places[script] = Place(keyset, branch, 0)
    keysets = {e.version: e for e in find_keysets(view, network.chain_id, WalletKind.DEPOSIT)}
    for address in sorted(view.addresses.get(network.chain_id, ())):
        entry = view.state.get(external_address_key(network.chain_id, address))
        if isinstance(entry, ExternalAddress) and entry.keyset_version in keysets:
            try:
                script = network.decode_address(address)
            except (ValueError, PayloadUnreadable):
                continue
            keyset = keysets[entry.keyset_version]
            places[script] = Place(keyset, RECEIVING, int(entry.index))
    return places


def find_keysets(view: LedgerView, chain_id: str, wallet: WalletKind) -> list[Keyset]:
    """From the first to the current one."""
    found = view.state.get_wallet(chain_id, wallet)
    versions = range(1, 1 if found is None else found.keyset_version + 1)
    keysets = (view.state.get_keyset(chain_id, wallet, version) for version in versions)
    return [each for each in keysets if each is not None]

"""What the network's wallets on a chain hold after a block: one reader for each kind of chain."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from processors.psim.chains.bitcoin_addresses import Network
from processors.psim.chains.bitcoin_transfers import Outpoint
from processors.psim.chains.bitcoin_wallet import BitcoinWallet
from processors.psim.chains.ethereum import NAMESPACE
from processors.psim.chains.ethereum_transfers import read_derivation
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.source import (
    COIN,
    Block,
    ChainContradiction,
    ChainPayment,
    ChainSource,
)
from processors.psim.transfers.bitcoin import find_keysets, find_places
from processors.psim.transfers.desk import Desk
from processors.psim.view import LedgerView
from schemas.generated.common import TransferOutcome, TransferPurpose, WalletKind

Wallets = Mapping[WalletKind, Collection[str]]
"""Their addresses."""
SPENT_KEPT = 1_000
"""Blocks after which a coin that was spent is forgotten: no report is of one so old."""


class Paid(NamedTuple):
    """A transfer that happened in a final block. `amount`: what left all wallets together of its
    asset, with what the chain charged."""

    asset: str
    height: int
    amount: int


class HoldingsReader(Protocol):
    """All raise `ChainUnavailable` and `ChainContradiction`."""

    def reset(self) -> None:
        """Forgets every block."""
        ...

    def find_wallets(self, view: LedgerView) -> Wallets:
        """All that the ledger knows, those of earlier keysets too."""
        ...

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None:
        """The next final block, with what arrived in it at addresses of all wallets."""
        ...

    async def read(
        self, block: Block, wallets: Wallets, tokens: Collection[str]
    ) -> Mapping[tuple[WalletKind, str], int]:
        """By wallet and token, after a block that was folded."""
        ...

    def find_paid(self, view: LedgerView) -> Mapping[int, Paid]:
        """By number, of the transfers that are in the ledger now: what is known to have
        happened."""
        ...

    def knows_paid(self, height: int, sequence: int) -> bool:
        """Whether all transfers of a ledger were looked for up to a block."""
        ...


class Payments:
    """What both readers know of transfers. `desk`: what follows them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def find_paid(self, view: LedgerView) -> Mapping[int, Paid]:
        """What pays users leaves the wallets with its fee; what moves between them costs the
        fee."""
        paid = {}
        for number, found in self._desk.found.items():
            transfer = view.transfers.get(number)
            if transfer is None:
                continue
            leaves = found.outcome is TransferOutcome.PAID
            is_payment = leaves and transfer.purpose is TransferPurpose.WITHDRAW
            amount = found.fee + (int(transfer.amount) if is_payment else 0)
            paid[number] = Paid(transfer.asset, found.height, amount)
        return paid

    def knows_paid(self, height: int, sequence: int) -> bool:
        return self._desk.final >= height and self._desk.looked_after >= sequence


@dataclass(slots=True)
class _Coin:
    address: str
    satoshis: int
    height: int
    spent_at: int | None = None


class BitcoinHoldings(Payments):
    """Coins, as blocks make and spend them."""

    def __init__(self, network: Network, wallet: BitcoinWallet, desk: Desk) -> None:
        self._network = network
        self._wallet = wallet
        super().__init__(desk)
        self._coins: dict[Outpoint, _Coin] = {}

    def reset(self) -> None:
        self._coins.clear()

    def find_wallets(self, view: LedgerView) -> Wallets:
        found: dict[WalletKind, list[str]] = {}
        for script, place in find_places(view, self._network).items():
            found.setdefault(place.keyset.wallet, []).append(self._network.encode_address(script))
        return found

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None:
        for each in payments:
            outpoint = Outpoint(each.transaction_id, each.ordinal)
            self._coins[outpoint] = _Coin(each.address, each.amount, block.height)
        for outpoint in await self._wallet.get_spends(block.block_hash):
            coin = self._coins.get(outpoint)
            if coin is not None:
                coin.spent_at = block.height
        if block.height % SPENT_KEPT == 0:
            self._forget(block.height - SPENT_KEPT)

    def _forget(self, height: int) -> None:
        self._coins = {
            outpoint: coin
            for outpoint, coin in self._coins.items()
            if coin.spent_at is None or coin.spent_at > height
        }

    async def read(
        self, block: Block, wallets: Wallets, tokens: Collection[str]
    ) -> Mapping[tuple[WalletKind, str], int]:
        del tokens  # there are none
        kinds = {address: kind for kind, addresses in wallets.items() for address in addresses}
        held = {(kind, COIN): 0 for kind in wallets}
        for coin in self._coins.values():
            is_there = coin.height <= block.height
            if is_there and (coin.spent_at is None or coin.spent_at > block.height):
                held[kinds[coin.address], COIN] += coin.satoshis
        return held


class EthereumHoldings(Payments):
    """Balances, as the endpoint states them for the block."""

    def __init__(self, source: ChainSource, desk: Desk) -> None:
        self._source = source
        super().__init__(desk)

    def reset(self) -> None:
        """Nothing is kept."""

    def find_wallets(self, view: LedgerView) -> Wallets:
        chain_id = self._desk.chain_id
        found = {WalletKind.DEPOSIT: tuple(sorted(view.addresses.get(chain_id, ())))}
        for kind in (WalletKind.HOT, WalletKind.COLD):
            keysets = find_keysets(view, chain_id, kind)
            try:
                found[kind] = tuple(sorted({read_derivation(each)[0] for each in keysets}))
            except ValueError as error:
                raise ChainContradiction(str(error)) from None
        return found

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None:
        """Nothing is kept."""

    async def read(
        self, block: Block, wallets: Wallets, tokens: Collection[str]
    ) -> Mapping[tuple[WalletKind, str], int]:
        held: dict[tuple[WalletKind, str], int] = {}
        for kind, addresses in wallets.items():
            for token in tokens:
                asked = (self._source.get_holding(each, token, block) for each in addresses)
                held[kind, token] = sum(await asyncio.gather(*asked))
        return held


def make_holdings(
    chain_id: str, source: ChainSource, rpc: JsonRpc, desk: Desk
) -> BitcoinHoldings | EthereumHoldings:
    if chain_id.startswith(f"{NAMESPACE}:"):
        return EthereumHoldings(source, desk)
    network = Network(chain_id)
    return BitcoinHoldings(network, BitcoinWallet(network, rpc), desk)

"""What the network's wallets have on Bitcoin, and what became of it: by the RPC of Bitcoin Core, or
of btcd where that lacks a call.
"""

import asyncio
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

from processors.psim.chains.bitcoin import (
    DecodedTransaction,
    HexBytes,
    HexHash,
    Number,
    count_satoshis,
    get_transactions,
)
from processors.psim.chains.bitcoin_addresses import Network, decode_hash
from processors.psim.chains.bitcoin_transfers import Coin, Outpoint, Output
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import ChainUnavailable
from schemas.generated.common import Hash
from schemas.generated.entries import Keyset

METHOD_UNKNOWN, NO_TRANSACTIONS = -32601, -5
PAGE, AT_ONCE = 100, 20
BLOCKS_TO_WAIT = 6
"""An estimate is of the fee that gets into one of so many blocks."""
BYTES_OF_RATE = 1_000
RATE_DEFAULT = 5
"""Satoshis for each virtual byte, where the node gives no estimate."""


class Spend(msgspec.Struct, frozen=True):
    """The transaction that has spent an output."""

    transaction_id: Hash
    outputs: tuple[Output, ...]


class Place(msgspec.Struct, frozen=True):
    """Of an address of the network: its keyset, branch and index."""

    keyset: Keyset
    branch: int
    index: int


class _Unspent(msgspec.Struct):
    txid: HexHash
    vout: Number
    amount: Decimal
    height: Number
    scriptPubKey: HexBytes  # noqa: N815


class _Scanned(msgspec.Struct):
    unspents: list[_Unspent]


class _Estimate(msgspec.Struct):
    feerate: Decimal | None = None


class _Searched:
    """What final blocks say of one output script. `count`: of its transactions in them; `coins`:
    satoshis and height of the outputs that they do not spend."""

    def __init__(self) -> None:
        self.count = 0
        self.coins: dict[Outpoint, tuple[int, int]] = {}

    def fold(
        self, script: bytes, transactions: list[DecodedTransaction], depth: int, tip: int
    ) -> set[Outpoint]:
        """The next ones in their order; those with `depth` confirmations are final. What the others
        spend."""
        spent: set[Outpoint] = set()
        for each in transactions:
            inputs = {Outpoint(decode_hash(i.txid), i.vout) for i in each.vin if i.txid}
            if each.confirmations < depth:
                spent |= inputs
                continue
            for outpoint in inputs:
                self.coins.pop(outpoint, None)
            for output in each.vout:
                if output.scriptPubKey.hex == script.hex():
                    outpoint = Outpoint(decode_hash(each.txid), output.n)
                    height = tip - each.confirmations + 1
                    self.coins[outpoint] = count_satoshis(output.value), height
            self.count += 1
        return spent


class BitcoinWallet:
    """`network`: whose addresses are asked for."""

    def __init__(self, network: Network, rpc: JsonRpc) -> None:
        self._network = network
        self._rpc = rpc
        self._can_scan = True
        self._searched: dict[bytes, _Searched] = {}
        self._searched_to: tuple[int, str] | None = None

    async def find_coins(
        self, places: Mapping[bytes, Place], tip: int, final: int
    ) -> dict[Outpoint, Coin]:
        """Outputs to these scripts that are in final blocks and that nothing spends, not even a
        transaction that waits."""
        if not places:
            return {}
        if self._can_scan:
            try:
                return await self._scan(places, final)
            except RpcRefusal as refusal:
                if refusal.code != METHOD_UNKNOWN:
                    raise ChainUnavailable(str(refusal)) from None
                self._can_scan = False  # btcd, which finds transactions by address
        return await self._search(places, tip, final)

    async def _scan(self, places: Mapping[bytes, Place], final: int) -> dict[Outpoint, Coin]:
        wanted = [f"raw({script.hex()})" for script in places]
        found: _Scanned = await self._rpc.call(
            "scantxoutset", "start", wanted, answer=_Scanned, is_large=True
        )
        coins = {}
        for each in found.unspents:
            place = places.get(bytes.fromhex(each.scriptPubKey))
            if place is not None and each.height <= final:
                outpoint = Outpoint(decode_hash(each.txid), each.vout)
                coins[outpoint] = _make_coin(
                    outpoint, count_satoshis(each.amount), each.height, place
                )
        return coins

    async def _search(
        self, places: Mapping[bytes, Place], tip: int, final: int
    ) -> dict[Outpoint, Coin]:
        """What final blocks say of an address is asked for once."""
        at_tip, at_final = await asyncio.gather(self._get_hash(tip), self._get_hash(final))
        if self._searched_to is not None:
            height, name = self._searched_to
            if height > final or await self._get_hash(height) != name:
                self._searched.clear()
        scripts, found = list(places), list[list[DecodedTransaction]]()
        for first in range(0, len(scripts), AT_ONCE):
            asked = map(self._find_transactions, scripts[first : first + AT_ONCE])
            found += await asyncio.gather(*asked)
        if await self._rpc.call("getbestblockhash", answer=str) != at_tip:
            raise ChainUnavailable("a block came while coins were counted")
        self._searched_to = final, at_final
        coins: dict[Outpoint, Coin] = {}
        for script, transactions in zip(scripts, found, strict=True):
            searched = self._searched.setdefault(script, _Searched())
            spent = searched.fold(script, transactions, tip - final + 1, tip)
            for outpoint, (satoshis, height) in searched.coins.items():
                if outpoint not in spent:
                    coins[outpoint] = _make_coin(outpoint, satoshis, height, places[script])
        return coins

    async def _get_hash(self, height: int) -> str:
        try:
            return await self._rpc.call("getblockhash", height, answer=str)
        except RpcRefusal as refusal:
            raise ChainUnavailable(f"height {height}: {refusal}") from None

    async def _find_transactions(self, script: bytes) -> list[DecodedTransaction]:
        """Those of an address that were not all final when they were asked for last, the oldest
        first, and what waits last."""
        searched = self._searched.get(script)
        first, found = 0 if searched is None else searched.count, list[DecodedTransaction]()
        address = self._network.encode_address(script)
        while True:
            try:
                page = await self._rpc.call(
                    *("searchrawtransactions", address, 1, first + len(found), PAGE, 0),
                    answer=list[DecodedTransaction],
                    is_large=searched is None,
                )
            except RpcRefusal as refusal:
                if refusal.code != NO_TRANSACTIONS:
                    raise ChainUnavailable(str(refusal)) from None
                page = []
            found += page
            if len(page) < PAGE:
                return found

    async def get_spends(self, block_hash: Hash) -> dict[Outpoint, Spend]:
        """All outputs that a block's transactions spend."""
        spends = {}
        for each in await get_transactions(self._rpc, block_hash):
            outputs = tuple(
                Output(bytes.fromhex(o.scriptPubKey.hex), count_satoshis(o.value))
                for o in each.vout
            )
            spend = Spend(decode_hash(each.txid), outputs)
            for source in each.vin:
                if source.txid:
                    spends[Outpoint(decode_hash(source.txid), source.vout)] = spend
        return spends

    async def send(self, raw: bytes) -> str:
        """Empty, or why the node did not take it: it may know it already, so this is for people."""
        try:
            await self._rpc.call("sendrawtransaction", raw.hex(), answer=Any)
        except RpcRefusal as refusal:
            return str(refusal)
        return ""

    async def estimate_rate(self) -> int:
        """Satoshis for each virtual byte."""
        try:
            found: _Estimate = await self._rpc.call(
                "estimatesmartfee", BLOCKS_TO_WAIT, answer=_Estimate
            )
        except RpcRefusal:
            return RATE_DEFAULT
        if found.feerate is None:
            return RATE_DEFAULT
        return max(1, count_satoshis(found.feerate) // BYTES_OF_RATE)


def _make_coin(outpoint: Outpoint, satoshis: int, height: int, place: Place) -> Coin:
    return Coin(outpoint, satoshis, height, place.keyset, place.branch, place.index)

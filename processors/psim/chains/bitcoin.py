"""Bitcoin's blocks by the RPC of Bitcoin Core, or of btcd where that lacks a call."""

from collections.abc import Collection, Iterator
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from processors.psim.chains.bitcoin_addresses import Network, decode_hash, encode_hash
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import (
    COIN,
    Block,
    ChainContradiction,
    ChainPayment,
    ChainUnavailable,
)
from schemas.generated.common import Hash
from schemas.generated.entries import Keyset

SATOSHIS, COINS_MAX = 100_000_000, 21_000_000
COINBASE_DEPTH = 100
"""A coinbase's outputs can be spent by the block so many higher than theirs (Bitcoin's rule)."""
MEDIAN_OF = 11
HEADERS_MAX = 2_000
WITNESS_SCRIPT, WITNESS_SCRIPT_DIGITS = "0020", 68
"""How every deposit address' output script begins, and its length: version 0 and a hash."""
DECODED = 2
"""The verbosity of `getblock` that decodes transactions."""


HexHash = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
HexBytes = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2})*$")]
Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]


class _Header(msgspec.Struct):
    hash: HexHash
    height: Number
    time: Number
    previousblockhash: HexHash = "00" * 32  # that of the first block


class _Script(msgspec.Struct):
    hex: HexBytes


class TransactionOutput(msgspec.Struct):
    value: Decimal
    n: Number
    scriptPubKey: _Script  # noqa: N815  # Core's word


class TransactionInput(msgspec.Struct):
    """Of a coinbase, or with the output that it spends."""

    coinbase: str | None = None
    txid: HexHash | None = None
    vout: Number = 0


class DecodedTransaction(msgspec.Struct):
    """`confirmations`: where the call says them; 0: it is in no block."""

    txid: HexHash
    vin: list[TransactionInput]
    vout: list[TransactionOutput]
    confirmations: int = 0


class _Block(msgspec.Struct):
    """Decoded transactions: `tx` at Core, `rawtx` at btcd."""

    hash: str
    tx: list[DecodedTransaction] = []
    rawtx: list[DecodedTransaction] = []


class BitcoinSource:
    """A `ChainSource`. `confirmations`: how many blocks make one final, itself counted."""

    def __init__(self, network: Network, rpc: JsonRpc, confirmations: int) -> None:
        self._network = network
        self._rpc = rpc
        self._confirmations = confirmations
        self._headers: dict[str, _Header] = {}
        self._is_checked = False

    async def get_tip_height(self) -> int:
        height: int = await self._ask("getblockcount", answer=Number)
        return height

    async def get_tip(self) -> Block:
        return await self._make_block(await self._ask("getbestblockhash", answer=HexHash))

    async def get_final_height(self) -> int:
        return max(0, await self.get_tip_height() - self._confirmations + 1)

    async def get_block(self, height: int) -> Block:
        block = await self._make_block(await self._ask("getblockhash", height, answer=HexHash))
        if block.height != height:
            raise ChainContradiction(f"height {height}: the endpoint gives one of {block.height}")
        return block

    async def _make_block(self, name: str) -> Block:
        header = await self._get_header(name)
        return Block(
            header.height,
            decode_hash(header.hash),
            decode_hash(header.previousblockhash),
            1000 * await self._compute_median_time(header),
        )

    async def get_payments(
        self,
        block: Block,
        addresses: Collection[str],
        tokens: Collection[str],  # noqa: ARG002 - there are none
    ) -> list[ChainPayment]:
        """What a coinbase pays comes with the block that lets it be spent."""
        payments: list[ChainPayment] = []
        for tx in await get_transactions(self._rpc, block.block_hash):
            if not _is_coinbase(tx):
                payments += self._find_payments(tx, addresses)
        if block.height >= COINBASE_DEPTH:
            ripe = await self._get_ancestor(block, block.height - COINBASE_DEPTH)
            for tx in await get_transactions(self._rpc, ripe):
                if _is_coinbase(tx):
                    payments += self._find_payments(tx, addresses)
        return payments

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        """Bitcoin has no tokens whose amounts need to be measured."""
        del address, block
        raise ValueError(f"{token or 'coin'}: what arrives on Bitcoin is what the output says")

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        """As `get_holding`."""
        return await self.get_holding(address, token, block)

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        """An address is there once it is derived."""
        del keyset, index
        return True

    def derive_address(self, keyset: Keyset, index: int) -> str:
        return self._network.derive_address(keyset, index)

    def _find_payments(
        self, transaction: DecodedTransaction, addresses: Collection[str]
    ) -> Iterator[ChainPayment]:
        for output in transaction.vout:
            script = output.scriptPubKey.hex
            if len(script) != WITNESS_SCRIPT_DIGITS or not script.startswith(WITNESS_SCRIPT):
                continue
            address = self._network.encode_address(bytes.fromhex(script))
            if address in addresses:
                name = decode_hash(transaction.txid)
                yield ChainPayment(name, output.n, address, COIN, count_satoshis(output.value))

    async def _get_ancestor(self, block: Block, height: int) -> Hash:
        """By height, when `block` is still there: heights are of the best chain at the moment."""
        found = await self.get_block(height)
        if (await self.get_block(block.height)).block_hash != block.block_hash:
            raise ChainUnavailable(f"height {block.height}: the chain has just changed")
        return found.block_hash

    async def _get_header(self, name: str) -> _Header:
        header = self._headers.get(name)
        if header is None:
            header = await self._ask("getblockheader", name, True, answer=_Header)
            if header.hash != name:
                raise ChainContradiction(f"block {name}: the endpoint gives another")
            while len(self._headers) >= HEADERS_MAX:
                del self._headers[next(iter(self._headers))]
            self._headers[name] = header
        return header

    async def _ask(self, method: str, *params: Any, answer: Any) -> Any:
        """A refusal means that what is asked for is not there, or is no longer. Chains are named by
        their first block."""
        try:
            if not self._is_checked:
                first = await self._rpc.call("getblockhash", 0, answer=HexHash)
                if not first.startswith(self._network.chain_id.partition(":")[2]):
                    raise ChainContradiction(f"the endpoint's chain begins with {first}")
                self._is_checked = True
            return await self._rpc.call(method, *params, answer=answer)
        except RpcRefusal as refusal:
            raise ChainUnavailable(str(refusal)) from None

    async def _compute_median_time(self, header: _Header) -> int:
        """Seconds. By the block itself and up to ten before it; btcd's headers do not say it."""
        times = [header.time]
        while len(times) < MEDIAN_OF and header.height > 0:
            header = await self._get_header(header.previousblockhash)
            times.append(header.time)
        return sorted(times)[len(times) // 2]


async def get_transactions(rpc: JsonRpc, block_hash: Hash) -> list[DecodedTransaction]:
    """All of a block. Raises `ChainUnavailable` and `ChainContradiction`."""
    name = encode_hash(block_hash)
    try:
        found = await rpc.call_once("getblock", name, DECODED, answer=_Block, is_large=True)
    except RpcRefusal as refusal:
        raise ChainUnavailable(f"block {name}: {refusal}") from None
    if found.hash != name:
        raise ChainContradiction(f"block {name}: the endpoint gives {found.hash[:64]}")
    return found.tx or found.rawtx


def _is_coinbase(transaction: DecodedTransaction) -> bool:
    return any(each.coinbase is not None for each in transaction.vin)


def count_satoshis(value: Decimal) -> int:
    """Satoshis. No float has touched the value: it is decoded from JSON's own digits."""
    if not 0 <= value <= COINS_MAX or value * SATOSHIS % 1:
        raise ChainContradiction("an output of an amount that there is not")
    return int(value * SATOSHIS)

"""Ethereum's blocks, coins and ERC-20 tokens by JSON-RPC, seen as logs alone.

Forwarders tell of coins by an event of theirs, and tokens tell of every transfer, so nothing needs
to trace calls, and a failed transaction shows nothing. Coins that arrive without an event (forced
by a contract's end, paid to a miner) are not deposits.
"""

from collections.abc import Callable, Collection
from typing import Any

import msgspec
from eth_utils import keccak, to_checksum_address

from processors.psim.chains.calls import (
    Hex,
    HexAddress,
    HexHash,
    Number,
    Quantity,
    encode_call,
)
from processors.psim.chains.deployer import ForwarderDeployer
from processors.psim.chains.forwarders import derive_address
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

NAMESPACE = "eip155"
RECEIVED = "0x" + keccak(text="Received(address,uint256)").hex()
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
WORD = 32


class _Block(msgspec.Struct):
    number: Number
    hash: HexHash
    parentHash: HexHash  # noqa: N815  # the protocol's word
    timestamp: Number


class _Log(msgspec.Struct):
    address: HexAddress
    topics: list[HexHash]
    data: Hex
    blockHash: HexHash  # noqa: N815
    transactionHash: HexHash  # noqa: N815
    logIndex: Number  # noqa: N815
    removed: bool = False


class EthereumSource:
    """A `ChainSource`. `confirmations`: how many blocks make one final, itself counted; None: those
    that the chain itself calls finalized."""

    def __init__(
        self,
        chain_id: str,
        rpc: JsonRpc,
        confirmations: int | None,
        deployer_key: bytes | None = None,
    ) -> None:
        """Raises `ValueError` for an id that is none of Ethereum's kind."""
        namespace, _, number = chain_id.partition(":")
        if namespace != NAMESPACE or not number.isdecimal():
            raise ValueError(f"{chain_id}: no chain of Ethereum's kind, as eip155:1")
        self._number = int(number)
        self._rpc = rpc
        self._confirmations = confirmations
        self._is_checked = False
        self._deployer = None
        if deployer_key is not None:
            self._deployer = ForwarderDeployer(rpc, self._number, deployer_key)

    async def get_tip_height(self) -> int:
        return int(await self._ask("eth_blockNumber", answer=Number), 16)

    async def get_tip(self) -> Block:
        return _make_block(await self._ask("eth_getBlockByNumber", "latest", False, answer=_Block))

    async def get_final_height(self) -> int:
        if self._confirmations is not None:
            return max(0, await self.get_tip_height() - self._confirmations + 1)
        block = await self._ask("eth_getBlockByNumber", "finalized", False, answer=_Block | None)
        if block is None:
            raise ChainUnavailable("the endpoint knows no finalized block yet")
        return int(block.number, 16)

    async def get_block(self, height: int) -> Block:
        found = await self._ask("eth_getBlockByNumber", hex(height), False, answer=_Block | None)
        if found is None:
            raise ChainUnavailable(f"height {height}: the chain is not so long")
        if int(found.number, 16) != height:
            raise ChainContradiction(f"height {height}: the endpoint gives another")
        return _make_block(found)

    async def get_payments(
        self, block: Block, addresses: Collection[str], tokens: Collection[str]
    ) -> list[ChainPayment]:
        """First whether there is anything for us; then all logs of the block, for a log's ordinal
        in its receipt is its distance from the transaction's first."""
        contracts = [each for each in tokens if each != COIN]
        mine = [
            each
            for each in await self._get_logs(block, {"topics": [RECEIVED]})
            if _is_of(each, RECEIVED) and _to_address(each.address) in addresses
        ]
        if contracts:
            criteria = {"topics": [TRANSFER], "address": contracts}
            mine += [
                each
                for each in await self._get_logs(block, criteria)
                if _is_of(each, TRANSFER)
                and len(each.topics) == 3
                and _to_address(each.address) in contracts
                and _get_recipient(each) in addresses
            ]
        if not mine:
            return []
        first: dict[str, int] = {}
        for log in await self._get_logs(block, {}):
            index = int(log.logIndex, 16)
            first[log.transactionHash] = min(first.get(log.transactionHash, index), index)
        mine.sort(key=lambda each: int(each.logIndex, 16))
        return [_make_payment(each, first) for each in mine]

    async def get_holding(self, address: str, token: str, block: Block) -> int:
        at = {"blockHash": "0x" + block.block_hash.hex()}
        if token == COIN:
            return int(await self._ask("eth_getBalance", address, at, answer=Quantity), 16)
        call = {"to": token, "data": "0x" + encode_call("balanceOf(address)", address).hex()}
        answer = decode_hex(await self._ask("eth_call", call, at, answer=Hex))
        if len(answer) < WORD:
            raise ChainContradiction(f"{token}: answers no balance")
        return int.from_bytes(answer[:WORD], "big")

    async def get_sent(self, address: str, token: str, block: Block) -> int:
        """Of a token, by its logs."""
        if token == COIN:
            raise ValueError("what arrives of the coin is what the forwarder's event says")
        sender = "0x" + address[2:].lower().rjust(2 * WORD, "0")
        logs = await self._get_logs(block, {"topics": [TRANSFER, sender], "address": token})
        return sum(_read_amount(each) for each in logs if _is_of(each, TRANSFER))

    async def prepare_address(self, keyset: Keyset, index: int) -> bool:
        """Whether the forwarder stands in a final block: before, coins would arrive unseen."""
        final = hex(await self.get_final_height())
        code = await self._ask("eth_getCode", derive_address(keyset, index), final, answer=Hex)
        if len(code) > len("0x"):
            return True
        if self._deployer is not None:
            try:
                await self._deployer.create(keyset, index)
            except RpcRefusal as refusal:
                raise ChainUnavailable(f"a forwarder cannot be made: {refusal}") from None
        return False

    def derive_address(self, keyset: Keyset, index: int) -> str:
        return derive_address(keyset, index)

    async def _get_logs(self, block: Block, criteria: dict[str, Any]) -> list[_Log]:
        name = "0x" + block.block_hash.hex()
        filters = {"blockHash": name, **criteria}
        found: list[_Log] = await self._ask(
            "eth_getLogs", filters, answer=list[_Log], call=self._rpc.call_once
        )
        if any(each.blockHash.lower() != name or each.removed for each in found):
            raise ChainContradiction(f"block {name}: the endpoint gives logs of another")
        return found

    async def _ask(
        self, method: str, *params: Any, answer: Any, call: Callable[..., Any] | None = None
    ) -> Any:
        """A refusal means that what is asked for is not there, or is no longer."""
        try:
            if not self._is_checked:
                number = int(await self._rpc.call("eth_chainId", answer=Quantity), 16)
                if number != self._number:
                    raise ChainContradiction(f"the endpoint's chain is {NAMESPACE}:{number}")
                self._is_checked = True
            return await (call or self._rpc.call)(method, *params, answer=answer)
        except RpcRefusal as refusal:
            raise ChainUnavailable(str(refusal)) from None


def _make_block(found: _Block) -> Block:
    return Block(
        int(found.number, 16),
        decode_hash(found.hash),
        decode_hash(found.parentHash),
        1000 * int(found.timestamp, 16),
    )


def _make_payment(log: _Log, first: dict[str, int]) -> ChainPayment:
    if log.transactionHash not in first:
        raise ChainContradiction(f"transaction {log.transactionHash}: a log is not in its block")
    is_coin = log.topics[0].lower() == RECEIVED
    return ChainPayment(
        decode_hash(log.transactionHash),
        int(log.logIndex, 16) - first[log.transactionHash],
        _to_address(log.address) if is_coin else _get_recipient(log),
        COIN if is_coin else _to_address(log.address),
        _read_amount(log),
    )


def _is_of(log: _Log, event: str) -> bool:
    """An endpoint that does not know filters gives all logs."""
    return bool(log.topics) and log.topics[0].lower() == event


def _read_amount(log: _Log) -> int:
    content = decode_hex(log.data)
    if len(content) != WORD:
        raise ChainContradiction(f"transaction {log.transactionHash}: a log of another form")
    return int.from_bytes(content, "big")


def _get_recipient(log: _Log) -> str:
    return _to_address("0x" + log.topics[2][-40:])


def _to_address(text: str) -> str:
    return str(to_checksum_address(text))


def decode_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        raise ChainContradiction("the endpoint's answer is not hexadecimal") from None


def decode_hash(text: str) -> Hash:
    content = decode_hex(text)
    if len(content) != WORD:
        raise ChainContradiction("the endpoint's answer has a hash of another length")
    return Hash(content)

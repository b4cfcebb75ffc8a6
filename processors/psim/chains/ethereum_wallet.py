"""What the network's Safes did on Ethereum, and how their transactions are sent, by JSON-RPC.

Whoever sends pays the gas with a key of its own that guards nothing else. Errors are told apart by
their codes, never by their words.
"""

import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from eth_account import Account
from eth_utils import keccak, to_checksum_address

from processors.psim.chains.calls import (
    Hex,
    HexAddress,
    HexHash,
    Number,
    Quantity,
    encode_call,
)
from processors.psim.chains.ethereum import decode_hash, decode_hex
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from schemas.generated.common import Hash

SUCCESS = "0x" + keccak(text="ExecutionSuccess(bytes32,uint256)").hex()
FAILURE = "0x" + keccak(text="ExecutionFailure(bytes32,uint256)").hex()
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
REVERTED = 3
"""The error code of a call that reverts (Ethereum's execution API)."""
WORD = 32
BLOCKS_AT_ONCE = 1_000
AGAIN_S = 60.0
"""So long a transaction may wait to be mined before it is sent at a higher price."""
GAS_MARGIN = 30_000


class Execution(NamedTuple):
    """A transaction of a Safe that happened, by its safeTxHash."""

    safe_hash: Hash
    transaction_id: Hash
    block_hash: Hash
    height: int
    is_success: bool


class Moved(NamedTuple):
    """What a token says to have moved."""

    token: str
    sender: str
    to: str
    amount: int


class _Log(msgspec.Struct):
    address: HexAddress
    topics: list[HexHash]
    data: Hex
    blockHash: HexHash  # noqa: N815  # the protocol's words
    blockNumber: Number  # noqa: N815
    transactionHash: HexHash  # noqa: N815
    removed: bool = False


class _Receipt(msgspec.Struct):
    status: Quantity
    blockHash: HexHash  # noqa: N815
    logs: list[_Log]


class EthereumWallet:
    """`key`: of who pays the gas, 32 bytes; without one nothing is sent."""

    def __init__(self, rpc: JsonRpc, number: int, key: bytes | None) -> None:
        self._rpc = rpc
        self._number = number
        self._account = None if key is None else Account.from_key(key)
        self._sent: tuple[int, float, int] = (-1, 0.0, 0)  # nonce, when, price

    @property
    def relayer(self) -> str | None:
        return None if self._account is None else str(self._account.address)

    async def get_nonce(self, safe: str, at: str) -> int:
        """A Safe's next one, as of a block (its number in hexadecimal, or a tag)."""
        answer = await self._call({"to": safe, "data": "0x" + encode_call("nonce()").hex()}, at)
        if len(answer) != WORD:
            raise ChainContradiction(f"{safe} is no Safe")
        return int.from_bytes(answer, "big")

    async def find_executions(self, safe: str, first: int, last: int) -> list[Execution]:
        """Of these blocks, in their order."""
        found: list[Execution] = []
        for start in range(first, last + 1, BLOCKS_AT_ONCE):
            criteria = {
                "address": safe,
                "topics": [[SUCCESS, FAILURE]],
                "fromBlock": hex(start),
                "toBlock": hex(min(start + BLOCKS_AT_ONCE - 1, last)),
            }
            logs = await self._ask("eth_getLogs", criteria, answer=list[_Log])
            found += [_read_execution(each) for each in logs if _is_execution(each, safe)]
        return found

    async def find_moved(self, execution: Execution) -> list[Moved]:
        """By the receipt of the transaction in which it happened."""
        name = "0x" + execution.transaction_id.hex()
        receipt = await self._ask("eth_getTransactionReceipt", name, answer=_Receipt | None)
        if receipt is None:
            raise ChainUnavailable(f"{name}: no receipt")
        if decode_hash(receipt.blockHash) != execution.block_hash or receipt.status != "0x1":
            raise ChainContradiction(f"{name}: its receipt is of another block")
        return [_read_moved(each) for each in receipt.logs if _is_move(each)]

    async def find_moved_in_block(self, block_hash: Hash, token: str) -> list[Moved]:
        criteria = {
            "blockHash": "0x" + block_hash.hex(),
            "address": token,
            "topics": [TRANSFER],
        }
        logs = await self._ask("eth_getLogs", criteria, answer=list[_Log])
        return [_read_moved(each) for each in logs if _is_move(each)]

    async def is_reverting(self, sender: str, to: str, wei: int, data: bytes, at: str) -> bool:
        """Whether a call would fail as of a block."""
        call = {"from": sender, "to": to, "value": hex(wei), "data": "0x" + data.hex()}
        try:
            await self._rpc.call("eth_call", call, at, answer=Any)
        except RpcRefusal as refusal:
            if refusal.code == REVERTED:
                return True
            raise ChainUnavailable(str(refusal)) from None
        return False

    async def get_balance(self, address: str) -> int:
        return int(await self._ask("eth_getBalance", address, "latest", answer=Quantity), 16)

    async def send(self, to: str, data: bytes) -> str:
        """A transaction of the relayer's; empty, or why it was not taken. One waits at a time: the
        same nonce is used again, at a higher price, until it is mined."""
        if self._account is None:
            return "no key that pays the gas"
        call = {"from": self.relayer, "to": to, "data": "0x" + data.hex()}
        try:
            gas = int(await self._rpc.call("eth_estimateGas", call, answer=Quantity), 16)
            price = int(await self._rpc.call("eth_gasPrice", answer=Quantity), 16)
            count = await self._rpc.call(
                "eth_getTransactionCount", self.relayer, "latest", answer=Number
            )
            nonce, now = int(count, 16), time.monotonic()
            before, sent_at, paid = self._sent
            if nonce == before:
                if now - sent_at < AGAIN_S:
                    return ""
                price = max(price, paid * 3 // 2)
            await self._send(to, data, nonce, gas * 5 // 4 + GAS_MARGIN, price * 5 // 4)
        except RpcRefusal as refusal:
            return str(refusal)
        self._sent = nonce, now, price
        return ""

    async def _send(self, to: str, data: bytes, nonce: int, gas: int, price: int) -> None:
        signed = self._account.sign_transaction(  # type: ignore[union-attr]
            {
                "chainId": self._number,
                "nonce": nonce,
                "to": to,
                "value": 0,
                "data": "0x" + data.hex(),
                "gas": gas,
                "gasPrice": price,
            }
        )
        raw = "0x" + bytes(signed.raw_transaction).hex()
        await self._rpc.call("eth_sendRawTransaction", raw, answer=str)

    async def _call(self, call: dict[str, Any], at: str) -> bytes:
        return decode_hex(await self._ask("eth_call", call, at, answer=Hex))

    async def _ask(self, method: str, *params: Any, answer: Any) -> Any:
        try:
            return await self._rpc.call(method, *params, answer=answer)
        except RpcRefusal as refusal:
            raise ChainUnavailable(str(refusal)) from None


def compute_change(moved: Sequence[Moved], address: str) -> int:
    """By how much what an address holds grew, by what the token says."""
    received = sum(each.amount for each in moved if each.to == address)
    return received - sum(each.amount for each in moved if each.sender == address)


def _is_execution(log: _Log, safe: str) -> bool:
    is_of_safe = log.address.lower() == safe.lower() and not log.removed
    return is_of_safe and bool(log.topics) and log.topics[0].lower() in (SUCCESS, FAILURE)


def _read_execution(log: _Log) -> Execution:
    """The hash is a topic since Safe 1.4.1, and data before."""
    name = log.topics[1] if len(log.topics) > 1 else "0x" + log.data[2 : 2 + 2 * WORD]
    return Execution(
        decode_hash(name),
        decode_hash(log.transactionHash),
        decode_hash(log.blockHash),
        int(log.blockNumber, 16),
        log.topics[0].lower() == SUCCESS,
    )


def _is_move(log: _Log) -> bool:
    return len(log.topics) == 3 and log.topics[0].lower() == TRANSFER and len(log.data) == 66


def _read_moved(log: _Log) -> Moved:
    sender, to = (str(to_checksum_address("0x" + each[-40:])) for each in log.topics[1:])
    return Moved(str(to_checksum_address(log.address)), sender, to, int(log.data, 16))

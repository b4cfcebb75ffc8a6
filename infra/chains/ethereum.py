"""anvil as a test chain: blocks on demand, coins and tokens for everybody, reorganisations, and the
contracts that wallets need. Its first account is the purse, its last deploys.
"""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from eth_abi import encode
from eth_utils import to_checksum_address

from infra.chains.nodes import CONTRACTS, ETHEREUM_CHAIN_ID
from processors.psim.chains.calls import encode_call
from processors.psim.chains.forwarders import get_creation_code
from processors.psim.chains.rpc import JsonRpc, RpcRefusal

CHAIN_ID = ETHEREUM_CHAIN_ID
RECEIPT_S = 20.0
ZERO = "0x" + 40 * "0"
GAS = 1_000_000


class _Receipt(msgspec.Struct):
    transactionHash: str  # noqa: N815  # the protocol's words
    status: str
    contractAddress: str | None = None  # noqa: N815


class _Names(msgspec.Struct):
    transactions: list[str]


class EthereumTestChain:
    def __init__(self, rpc: JsonRpc) -> None:
        self._rpc = rpc

    async def mine(self, count: int = 1) -> None:
        await self._rpc.call("anvil_mine", hex(count), answer=Any)

    async def pay(self, address: str, wei: int) -> str:
        """Coins from the purse; the transaction's id. It is mined."""
        return (await self.send(await self.get_purse(), address, wei=wei)).transactionHash

    async def get_balance(self, address: str) -> int:
        return int(await self._rpc.call("eth_getBalance", address, "latest", answer=str), 16)

    async def pay_token(self, token: str, address: str, amount: int) -> str:
        """Makes so much of a test token and transfers it; the transaction's id."""
        purse = await self.get_purse()
        await self.send(purse, token, encode_call("mint(address,uint256)", purse, amount))
        data = encode_call("transfer(address,uint256)", address, amount)
        return (await self.send(purse, token, data)).transactionHash

    async def reorganise(self, depth: int, *, is_dropping: bool = True) -> None:
        """Replaces the newest blocks by one more, empty ones: their transactions never happened, or
        come again behind them."""
        again = [] if is_dropping else await self._find_sent(depth)
        await self._rpc.call("anvil_reorg", depth, [], answer=Any)
        for raw in again:
            await self._rpc.call("eth_sendRawTransaction", raw, answer=str)
        await self.mine()

    async def _find_sent(self, depth: int) -> list[str]:
        """The transactions of the newest blocks, as they were sent."""
        tip, found = int(await self._rpc.call("eth_blockNumber", answer=str), 16), []
        for height in range(tip - depth + 1, tip + 1):
            block = await self._rpc.call("eth_getBlockByNumber", hex(height), False, answer=_Names)
            for name in block.transactions:
                found.append(await self._rpc.call("debug_getRawTransaction", name, answer=str))
        return found

    async def deploy_token(self, name: str, symbol: str, places: int) -> str:
        arguments = encode(["string", "string", "uint8"], [name, symbol, places])
        return await self.deploy(_get_contract("TestToken") + arguments)

    async def deploy_factory(self, hot: str, cold: str) -> str:
        """Of forwarders that pay to these two wallets."""
        code = get_creation_code("ForwarderFactory")
        return await self.deploy(code + encode(["address"] * 2, [hot, cold]))

    async def deploy_safes(self, owners: Sequence[Sequence[str]], threshold: int) -> list[str]:
        """One Safe for each list of owners."""
        singleton = await self.deploy(_get_contract("Safe"))
        factory = await self.deploy(_get_contract("SafeProxyFactory"))
        handler = await self.deploy(_get_contract("CompatibilityFallbackHandler"))
        made = []
        for number, each in enumerate(owners):
            setup = encode_call(
                "setup(address[],uint256,address,bytes,address,address,uint256,address)",
                *(list(each), threshold, ZERO, b"", handler, ZERO, 0, ZERO),
            )
            call = encode_call(
                "createProxyWithNonce(address,bytes,uint256)", singleton, setup, number
            )
            sender = await self._get_account(-1)
            request = {"from": sender, "to": factory, "data": "0x" + call.hex()}
            answer = await self._rpc.call("eth_call", request, "latest", answer=str)
            await self.send(sender, factory, call)
            made.append(str(to_checksum_address("0x" + answer[-40:])))
        return made

    async def deploy_multi_send(self) -> str:
        """By which a Safe makes several calls in one transaction."""
        return await self.deploy(_get_contract("MultiSend"))

    async def create_forwarders(self, factory: str, salts: Sequence[bytes]) -> None:
        call = encode_call("create(bytes32[])", list(salts))
        await self.send(await self.get_purse(), factory, call)

    async def deploy(self, code: bytes) -> str:
        receipt = await self.send(await self._get_account(-1), None, code)
        if receipt.contractAddress is None:
            raise ValueError("the chain made no contract")
        return str(to_checksum_address(receipt.contractAddress))

    async def send(
        self, sender: str, to: str | None, data: bytes = b"", wei: int = 0, gas: int | None = None
    ) -> _Receipt:
        """Sends it and waits until it is mined; `gas`: instead of what the node estimates. Raises
        `ValueError` if it failed."""
        request = {"from": sender, "data": "0x" + data.hex(), "value": hex(wei)}
        request |= {} if to is None else {"to": to}
        request |= {} if gas is None else {"gas": hex(gas)}
        name = await self._rpc.call("eth_sendTransaction", request, answer=str)
        receipt = await self.wait_for(name)
        if receipt.status != "0x1":
            raise ValueError(f"transaction {name} failed")
        return receipt

    async def wait_for(self, name: str) -> _Receipt:
        """Until the transaction is mined."""
        async with asyncio.timeout(RECEIPT_S):
            while True:
                with contextlib.suppress(RpcRefusal):  # geth may not have its index ready
                    receipt: _Receipt | None = await self._rpc.call(
                        "eth_getTransactionReceipt", name, answer=_Receipt | None
                    )
                    if receipt is not None:
                        return receipt
                await asyncio.sleep(0.02)

    async def send_together(
        self, requests: Sequence[tuple[str, str, bytes, int]], gas: int = GAS
    ) -> list[str]:
        """Transactions (from, to, data, wei), mined in one block in this order; their ids."""
        await self._rpc.call("evm_setAutomine", False, answer=Any)
        try:
            names = []
            for sender, to, data, wei in requests:
                request = {"from": sender, "to": to, "data": "0x" + data.hex(), "value": hex(wei)}
                request["gas"] = hex(gas)
                names.append(await self._rpc.call("eth_sendTransaction", request, answer=str))
            await self.mine()
        finally:
            await self._rpc.call("evm_setAutomine", True, answer=Any)
        return names

    async def get_purse(self) -> str:
        return await self._get_account(0)

    async def _get_account(self, index: int) -> str:
        return (await self._rpc.call("eth_accounts", answer=list[str]))[index]


@lru_cache
def _get_contract(name: str) -> bytes:
    return bytes.fromhex(json.loads(CONTRACTS.read_text())[name]["creation"])

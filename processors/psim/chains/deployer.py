"""Makes forwarders before their addresses are given out, and pays for it with a key of its own.

Anybody may make them, and nobody can make anything else there, so the key guards nothing but the
coins that it pays with; every instance has one. What exists already stays as it is.
"""

import time

from eth_account import Account

from processors.psim.chains.calls import Number, Quantity, encode_call
from processors.psim.chains.forwarders import compute_salt, decode_derivation
from processors.psim.chains.rpc import JsonRpc
from schemas.generated.entries import Keyset

AT_ONCE = 10
AGAIN_S = 60.0
"""For so long a transaction may wait to be mined before the same is sent once more."""


class ForwarderDeployer:
    """`key`: 32 bytes. `number`: of the chain. Raises `ValueError` for a key that is none."""

    def __init__(self, rpc: JsonRpc, number: int, key: bytes) -> None:
        self._rpc = rpc
        self._number = number
        self._account = Account.from_key(key)
        self._sent: dict[tuple[int, int], float] = {}

    @property
    def address(self) -> str:
        return str(self._account.address)

    async def create(self, keyset: Keyset, index: int) -> None:
        """The forwarder of an index and those behind it. Raises what `JsonRpc` raises."""
        now = time.monotonic()
        for first in range(index - AT_ONCE + 1, index + 1):
            if now - self._sent.get((keyset.version, first), -AGAIN_S) < AGAIN_S:
                return
        salts = [compute_salt(keyset, each) for each in range(index, index + AT_ONCE)]
        data = encode_call("create(bytes32[])", salts)
        await self._send(decode_derivation(keyset).factory, "0x" + data.hex())
        self._sent[keyset.version, index] = now

    async def _send(self, to: str, data: str) -> None:
        call = {"from": self.address, "to": to, "data": data}
        gas = int(await self._rpc.call("eth_estimateGas", call, answer=Quantity), 16)
        price = int(await self._rpc.call("eth_gasPrice", answer=Quantity), 16)
        asked = ("eth_getTransactionCount", self.address, "pending")
        count = await self._rpc.call(*asked, answer=Number)
        signed = self._account.sign_transaction(
            {
                "chainId": self._number,
                "nonce": int(count, 16),
                "to": to,
                "value": 0,
                "data": data,
                "gas": gas * 5 // 4,
                "gasPrice": price * 5 // 4,
            }
        )
        raw = "0x" + bytes(signed.raw_transaction).hex()
        await self._rpc.call("eth_sendRawTransaction", raw, answer=str)

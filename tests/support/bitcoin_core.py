"""Bitcoin Core as a test chain, on regtest: where a `bitcoind` is on the PATH."""

import asyncio
import contextlib
import itertools
import subprocess
import tempfile
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec

from infra.chains.bitcoin import MATURITY, BitcoinTestChain, Coin
from infra.local.ports import choose_port
from processors.psim.chains.bitcoin import count_satoshis
from processors.psim.chains.bitcoin_addresses import decode_hash
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import ChainUnavailable

CHAIN_ID = "bip122:0f9188f13cb7b2c71f2a335e3a4fc328"
USER = PASSWORD = "tests"
START_S = 60.0
_SECONDS = itertools.count(1)


class _Unspent(msgspec.Struct):
    txid: str
    vout: int
    amount: Decimal
    height: int
    coinbase: bool


class _Scanned(msgspec.Struct):
    height: int
    unspents: list[_Unspent]


class CoreTestChain(BitcoinTestChain):
    async def mine(self, count: int = 1) -> list[str]:
        """Each time in another second: the block that was replaced must not come again."""
        await self.rpc.call("setmocktime", int(time.time()) + next(_SECONDS), answer=object)
        return await self.mine_to(self._address, count)

    async def mine_to(self, address: str, count: int = 1) -> list[str]:
        return await self.rpc.call("generatetoaddress", count, address, answer=list[str])

    async def _find_coins(self) -> list[Coin]:
        wanted = [f"addr({self._address})"]
        found = await self.rpc.call("scantxoutset", "start", wanted, answer=_Scanned)
        coins = []
        for each in found.unspents:
            is_ripe = not each.coinbase or found.height - each.height + 1 >= MATURITY
            if is_ripe and await self._is_there(each):
                name = bytes(decode_hash(each.txid))
                coins.append(Coin(name, each.vout, count_satoshis(each.amount)))
        return sorted(coins, key=lambda each: -each.satoshis)[:50]

    async def _is_there(self, coin: _Unspent) -> bool:
        """Nothing that waits spends it."""
        found: Any = await self.rpc.call("gettxout", coin.txid, coin.vout, answer=Any)
        return found is not None


@contextlib.contextmanager
def start_core() -> Iterator[str]:
    """Its URL; nothing is left of it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        port = choose_port(())
        url = f"http://127.0.0.1:{port}"
        options = ("-regtest", f"-datadir={folder}", "-txindex", "-listen=0", "-printtoconsole=0")
        login = (f"-rpcport={port}", f"-rpcuser={USER}", f"-rpcpassword={PASSWORD}")
        node = subprocess.Popen(("bitcoind", *options, *login), stdin=-3, stdout=-3, stderr=-3)
        try:
            asyncio.run(_begin(url))
            yield url
        finally:
            node.terminate()
            node.wait(60)


async def _begin(url: str) -> None:
    """With coins that can be paid."""
    deadline = time.monotonic() + START_S
    async with JsonRpc(url, USER, PASSWORD) as rpc:
        while True:
            with contextlib.suppress(ChainUnavailable, RpcRefusal):  # it is warming up
                await rpc.call("getblockcount", answer=int)
                break
            if time.monotonic() > deadline:
                raise TimeoutError("bitcoind does not answer")
            await asyncio.sleep(0.1)
        await CoreTestChain(rpc, bytes(32), CHAIN_ID).begin()

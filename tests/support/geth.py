"""geth's development mode as a test chain: it mines for a transaction, and at no other time.

Built by `infra/chains/setup.sh geth` for the long gate.
"""

import asyncio
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from infra.chains.ethereum import GAS, EthereumTestChain
from infra.chains.nodes import GETH, SETUP
from infra.local.ports import choose_port
from processors.psim.chains.rpc import JsonRpc
from processors.psim.chains.source import ChainUnavailable

CHAIN_ID = "eip155:1337"
START_S = 60.0


class GethTestChain(EthereumTestChain):
    async def mine(self, count: int = 1) -> None:
        purse = await self.get_purse()
        for _ in range(count):
            await self.send(purse, purse)

    async def reorganise(self, depth: int, *, is_dropping: bool = True) -> None:
        tip = int(await self._rpc.call("eth_blockNumber", answer=str), 16)
        again = [] if is_dropping else await self._find_sent(depth)
        await self._rpc.call("debug_setHead", hex(tip - depth), answer=Any)
        for raw in again:
            await self._rpc.call("eth_sendRawTransaction", raw, answer=str)
        await self.mine(depth + 1)

    async def send_together(
        self, requests: Sequence[tuple[str, str, bytes, int]], gas: int = GAS
    ) -> list[str]:
        """All of one sender. The first of them comes last: none can be mined before."""
        sender = requests[0][0]
        count = await self._rpc.call("eth_getTransactionCount", sender, "latest", answer=str)
        nonces = range(int(count, 16), int(count, 16) + len(requests))
        names = [
            await self._rpc.call(
                "eth_sendTransaction",
                {
                    "from": sender,
                    "to": to,
                    "data": "0x" + data.hex(),
                    "value": hex(wei),
                    "gas": hex(gas),
                    "nonce": hex(nonce),
                },
                answer=str,
            )
            for nonce, (_, to, data, wei) in reversed(list(zip(nonces, requests, strict=True)))
        ]
        for name in names:
            await self.wait_for(name)
        return names[::-1]


class Geth:
    """One node with a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._port = choose_port(())
        self.url = f"http://127.0.0.1:{self._port}"
        self._command = (
            *(str(GETH), "--dev", "--datadir", str(folder), "--gcmode", "archive"),
            *("--http", "--http.port", str(self._port), "--http.api", "eth,net,web3,debug"),
            *("--ipcdisable", "--nodiscover", "--maxpeers", "0", "--verbosity", "1"),
        )
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(
            ("setpriv", "--pdeathsig=TERM", *self._command), stdin=-3, stdout=-3, stderr=-3
        )
        asyncio.run(self._wait())

    async def _wait(self) -> None:
        deadline = time.monotonic() + START_S
        async with JsonRpc(self.url) as rpc:
            while True:
                with contextlib.suppress(ChainUnavailable):
                    await rpc.call("eth_blockNumber", answer=str)
                    return
                if time.monotonic() > deadline:
                    raise TimeoutError("geth does not answer")
                await asyncio.sleep(0.1)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(60)


@contextlib.contextmanager
def start_geth() -> Iterator[Geth]:
    """Builds it where that has not been done yet: about five minutes of a core."""
    subprocess.run([SETUP, "geth"], check=True, stdin=-3)
    with tempfile.TemporaryDirectory() as folder:
        geth = Geth(Path(folder))
        try:
            yield geth
        finally:
            geth.stop()

"""Runs btcd and keeps its blocks: `python -m infra.chains.keeper SETTINGS URL DATA`.

btcd that is killed has lost its blocks since it last flushed them, which may be all. They are
appended here to a file as they come, and put back when it starts.
"""

import asyncio
import configparser
import contextlib
import os
import signal
import sys
from pathlib import Path

import msgspec

from infra.chains.nodes import BTCD
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import ChainUnavailable

POLL_S = 0.5
SAVED = "blocks"


class _Header(msgspec.Struct):
    hash: str
    previousblockhash: str = ""


class Keeper:
    """The file: a line for each block, its id and its bytes in hexadecimal, parents first."""

    def __init__(self, rpc: JsonRpc, file: Path) -> None:
        self._rpc = rpc
        self._file = file
        self._known: set[str] = set()

    async def put_back(self) -> None:
        """All that the node has no longer. A line that was cut off is dropped: it was not whole."""
        if not self._file.exists():
            return
        content = self._file.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            self._file.write_bytes(whole)
        for line in whole.decode().splitlines():
            name, _, block = line.partition(" ")
            if not await self._has(name):
                await self._rpc.call("submitblock", block, answer=object)
            self._known.add(name)

    async def save(self) -> None:
        """Those of the best chain that are not in the file yet."""
        name = await self._rpc.call("getbestblockhash", answer=str)
        found = []
        while name and name not in self._known:
            found.append(name)
            header = await self._rpc.call("getblockheader", name, True, answer=_Header)
            name = header.previousblockhash if header.previousblockhash.strip("0") else ""
        with self._file.open("ab") as output:
            for each in reversed(found):
                block = await self._rpc.call("getblock", each, 0, answer=str)
                output.write(f"{each} {block}\n".encode())
                self._known.add(each)
            output.flush()
            os.fsync(output.fileno())

    async def _has(self, name: str) -> bool:
        try:
            await self._rpc.call("getblockheader", name, True, answer=_Header)
        except RpcRefusal:
            return False
        return True


async def run(settings: Path, url: str, data: Path) -> int:
    """Until the node ends, or we are asked to; its exit code."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(settings)
    login = parser["Application Options"]
    command = ("setpriv", "--pdeathsig=TERM", str(BTCD), f"--configfile={settings}")
    node = await asyncio.create_subprocess_exec(*command)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _interrupt, node)
    async with JsonRpc(url, login["rpcuser"], login["rpcpass"]) as rpc:
        watching = asyncio.create_task(_watch(Keeper(rpc, data / SAVED)))
        ended = asyncio.create_task(node.wait())
        await asyncio.wait((watching, ended), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            node.kill()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return await ended


def _interrupt(node: asyncio.subprocess.Process) -> None:
    """The way in which btcd writes everything to its disk."""
    with contextlib.suppress(ProcessLookupError):
        node.send_signal(signal.SIGINT)


async def _watch(keeper: Keeper) -> None:
    is_back = False
    while True:
        with contextlib.suppress(ChainUnavailable):  # it is starting, or ending
            if not is_back:
                await keeper.put_back()
                is_back = True
            await keeper.save()
        await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))))

"""Runs btcd and keeps its blocks: `python -m infra.chains.keeper SETTINGS URL DATA [HOST:PORT]`.

btcd that is killed has lost its blocks since it last flushed them, which may be all. They are
appended here to a file as they come, and put back when it starts. btcd speaks without TLS on its
own machine alone: in a container, whose network is private, its port is relayed to HOST:PORT.
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


class Keeper:
    """The file: a line for each block, its id and its bytes in hexadecimal, parents first."""

    def __init__(self, rpc: JsonRpc, file: Path) -> None:
        self._rpc = rpc
        self._file = file
        self._known: set[str] = set()

    async def put_back(self) -> None:
        """All that the node has no longer. A line that was cut off is dropped: it was not whole."""
        self._known.add(await self._rpc.call("getblockhash", 0, answer=str))
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
        """Those of the best chain that are not in the file yet. While the chain is changing it
        writes what hangs together, and the rest the next time."""
        names = await self._find_new()
        if not names:
            return
        with self._file.open("ab") as output:
            for name in names:
                block = await self._rpc.call("getblock", name, 0, answer=str, is_large=True)
                if bytes.fromhex(block[8:72])[::-1].hex() not in self._known:
                    break  # its parent
                output.write(f"{name} {block}\n".encode())
                self._known.add(name)
            output.flush()
            os.fsync(output.fileno())

    async def _find_new(self) -> list[str]:
        """Their ids, parents first."""
        height = await self._rpc.call("getblockcount", answer=int)
        found: list[str] = []
        while height > 0:
            heights = range(height, max(height - len(found) - 1, 0), -1)
            calls = (self._rpc.call("getblockhash", each, answer=str) for each in heights)
            names = await asyncio.gather(*calls)
            found += [name for name in names if name not in self._known]
            if not self._known.isdisjoint(names):
                break
            height -= len(names)
        return found[::-1]

    async def _has(self, name: str) -> bool:
        try:
            await self._rpc.call("getblockheader", name, True, answer=_Header)
        except RpcRefusal:
            return False
        return True


async def run(settings: Path, url: str, data: Path, listen: str | None = None) -> int:
    """Until the node ends, or we are asked to; its exit code."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(settings)
    login = parser["Application Options"]
    command = ("setpriv", "--pdeathsig=TERM", str(BTCD), f"--configfile={settings}")
    node = await asyncio.create_subprocess_exec(*command)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _interrupt, node)
    async with contextlib.AsyncExitStack() as stack:
        if listen is not None:
            await stack.enter_async_context(await _relay(login["rpclisten"], listen))
        rpc = await stack.enter_async_context(JsonRpc(url, login["rpcuser"], login["rpcpass"]))
        watching = asyncio.create_task(_watch(Keeper(rpc, data / SAVED)))
        ended = asyncio.create_task(node.wait())
        await asyncio.wait((watching, ended), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            node.kill()
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return await ended


async def _relay(source: str, listen: str) -> asyncio.Server:
    """Gives every connection to HOST:PORT `listen` one to `source`."""
    host, _, port = source.rpartition(":")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(copy(reader, back), copy(there, writer))

    host_here, _, port_here = listen.rpartition(":")
    return await asyncio.start_server(connect, host_here, int(port_here))


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
            with contextlib.suppress(RpcRefusal):  # a block that was there a moment ago
                await keeper.save()
        await asyncio.sleep(POLL_S)


if __name__ == "__main__":
    sys.exit(asyncio.run(run(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])))

"""Nodes, hostile peers and a man in the middle, over real sockets on 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvloop
from nacl.signing import SigningKey

from infra.local.ports import choose_port
from schemas.generated.common import PublicKey
from streams.node.overlay.connection import Session, shake_hands
from streams.node.overlay.interface import Address, OverlayConfig, Reason
from streams.node.overlay.overlay import Overlay

NETWORK_ID = b"n" * 32
KEYS = sorted(
    (SigningKey(bytes([number]) * 32) for number in range(6)), key=lambda key: bytes(key.verify_key)
)
"""Of nodes 0 to 5, ascending by node id."""
IDS = [PublicKey(bytes(key.verify_key)) for key in KEYS]
Runner = Callable[[Coroutine[Any, Any, None]], None]


def make_runner(kind: str) -> Runner:
    """Runs a test's coroutine on one of the two event loops and sees that it leaves no task."""

    async def check(test: Coroutine[Any, Any, None]) -> None:
        async with asyncio.timeout(20):
            await test
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def run(test: Coroutine[Any, Any, None]) -> None:
        factory = uvloop.new_event_loop if kind == "uvloop" else None
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(check(test))

    return run


@dataclass
class Recorder:
    """Handlers that write down what they are told."""

    received: list[tuple[PublicKey, bytes]] = field(default_factory=list)
    connected: list[PublicKey] = field(default_factory=list)
    disconnected: list[tuple[PublicKey, Reason]] = field(default_factory=list)
    refused: list[Reason] = field(default_factory=list)
    rejected_at: list[float] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    act: Callable[[PublicKey, bytes], Awaitable[None]] | None = None

    async def on_message(self, peer: PublicKey, payload: bytes) -> None:
        if self.act is not None:
            await self.act(peer, payload)
        self.received.append((peer, payload))

    def on_connected(self, peer: PublicKey) -> None:
        self.connected.append(peer)

    def on_disconnected(self, peer: PublicKey, reason: Reason, detail: str) -> None:
        self.disconnected.append((peer, reason))
        self.details.append(detail)

    def on_refused(self, address: Address, reason: Reason, detail: str) -> None:
        assert address[0] == "127.0.0.1"
        self.refused.append(reason)
        self.details.append(detail)
        self.rejected_at.append(asyncio.get_running_loop().time())

    def get_payloads(self, peer: PublicKey) -> list[bytes]:
        return [payload for sender, payload in self.received if sender == peer]


@dataclass
class Node:
    overlay: Overlay
    handlers: Recorder
    address: Address


def make_config(
    number: int, peers: Mapping[int, Address | None], /, **settings: Any
) -> OverlayConfig:
    complete: dict[str, Any] = {"network_id": NETWORK_ID, "signing_key": KEYS[number]} | settings
    named = {IDS[peer]: address for peer, address in peers.items()}
    return OverlayConfig(peers=named, **complete)


@asynccontextmanager
async def open_node(
    number: int, peers: Mapping[int, Address | None], /, **settings: Any
) -> AsyncIterator[Node]:
    """Node `number` with these peers; who has an address is dialled."""
    handlers = Recorder()
    overlay = Overlay(make_config(number, peers, **settings), handlers)
    address = await overlay.start()
    try:
        yield Node(overlay, handlers, address)
    finally:
        await overlay.close()


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


def find_free_port() -> int:
    """Not among those that Linux gives to outgoing connections, which may take it by chance."""
    return choose_port(())


@asynccontextmanager
async def open_raw(
    address: Address,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A plain TCP connection, to send anything over."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def open_session(number: int, called: Node, **settings: Any) -> AsyncIterator[Session]:
    """Shakes hands as node `number` and leaves what follows to the test."""
    async with open_raw(called.address) as (reader, writer):
        config = make_config(number, {IDS.index(called.overlay.node_id): None}, **settings)
        yield await shake_hands(reader, writer, config, called.overlay.node_id)


Alter = Callable[[bytes, int], bytes]
"""What a man in the middle makes of a piece that begins at an offset of one direction's stream."""


def relay(piece: bytes, offset: int) -> bytes:
    return piece


@asynccontextmanager
async def open_middleman(
    target: Address,
    forth: Alter = relay,
    back: Alter = relay,
    gate: asyncio.Event | None = None,
) -> AsyncIterator[Address]:
    """Relays between who connects and `target`, altered; `forth` is what goes to the target.

    With a gate, who connects waits before it until it is opened.
    """
    tasks: set[asyncio.Task[None]] = set()

    async def copy(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, alter: Alter
    ) -> None:
        offset = 0
        try:
            while piece := await reader.read(1 << 16):
                writer.write(alter(piece, offset))
                offset += len(piece)
        except OSError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if gate is not None:
            await gate.wait()
        other_reader, other_writer = await asyncio.open_connection(*target)
        tasks.add(asyncio.create_task(copy(reader, other_writer, forth)))
        tasks.add(asyncio.create_task(copy(other_reader, writer, back)))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        host, port = server.sockets[0].getsockname()[:2]
        yield host, port
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def flip_at(position: int) -> Alter:
    """Flips one bit of the byte at `position` of the stream."""

    def alter(piece: bytes, offset: int) -> bytes:
        at = position - offset
        if not 0 <= at < len(piece):
            return piece
        return piece[:at] + bytes([piece[at] ^ 4]) + piece[at + 1 :]

    return alter

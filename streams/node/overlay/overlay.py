"""The overlay of one node: listens, dials, keeps one connection to each peer, broadcasts.

It decides which connections exist and nothing about messages. The runner gives it handlers
(`interface.Handlers`) and waits on `wait` for what must stop the node.
"""

import asyncio
import dataclasses
import random
from collections.abc import Coroutine, Mapping
from typing import Any

from schemas.generated.common import PublicKey
from streams.herder.lanes import Lane
from streams.node.overlay.connection import (
    READ_BUFFER_BYTES,
    Connection,
    Session,
    shake_hands,
)
from streams.node.overlay.interface import (
    Address,
    Handlers,
    OverlayConfig,
    PeerCounters,
    PeerError,
    Reason,
)

# A connection that held so long was a good one: the next dialling starts without delay.
GOOD_CONNECTION_S = 1.0


class Overlay:
    """Bound to the event loop that starts it."""

    def __init__(self, config: OverlayConfig, handlers: Handlers) -> None:
        self.node_id = PublicKey(bytes(config.signing_key.verify_key))
        self.counters = {peer: PeerCounters() for peer in config.peers if peer != self.node_id}
        self._config = config
        self._handlers = handlers
        self._connections: dict[PublicKey, Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._dialling: dict[PublicKey, asyncio.Task[None]] = {}
        # Strangers that were accepted and have not yet said who they are, oldest first.
        self._strangers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._failure: asyncio.Future[None] | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> Address:
        """Listens and begins to dial; returns the address it listens on. Raises OSError."""
        config = self._config
        self._failure = asyncio.get_running_loop().create_future()
        self._server = await asyncio.start_server(
            self._on_accepted, config.listen_host, config.listen_port, limit=READ_BUFFER_BYTES
        )
        self._dial_peers()
        self._spawn(self._check_pulses())
        host, port = self._server.sockets[0].getsockname()[:2]
        return host, port

    async def wait(self) -> None:
        """Returns when the overlay was closed; raises what a handler raised, an error of ours."""
        if self._failure is not None:
            await asyncio.shield(self._failure)

    async def close(self) -> None:
        """Closes all connections and calls the handlers. No task and no socket is left."""
        if self._server is not None:
            self._server.close()
        for connection in self._connections.values():
            connection.close(Reason.SHUTDOWN)
        for writer in self._strangers.values():
            writer.transport.abort()
        await asyncio.sleep(0)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)
        if self._server is not None:
            await self._server.wait_closed()
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(None)

    def set_peers(self, peers: Mapping[PublicKey, Address | None]) -> None:
        """From now on these may connect and are dialled; others are disconnected. A connection that
        was made by dialling another address is made anew."""
        before = self._config.peers
        self._config = dataclasses.replace(self._config, peers=peers)
        for peer, address in before.items():
            if peer in peers and peers[peer] == address:
                continue
            if (dialling := self._dialling.pop(peer, None)) is not None:
                dialling.cancel()
            if peer not in peers and (connection := self._connections.get(peer)) is not None:
                connection.close(Reason.UNKNOWN_NODE)
        for peer in peers:
            self.counters.setdefault(peer, PeerCounters())
        self._dial_peers()

    def get_connected(self) -> list[PublicKey]:
        """The connected peers, in ascending order."""
        return sorted(self._connections)

    def broadcast(self, lane: Lane, payload: bytes, exclude: PublicKey | None = None) -> None:
        """Queues `payload` for all connected peers except `exclude`."""
        self._check_size(payload)
        for peer, connection in self._connections.items():
            if peer != exclude:
                connection.send(lane, payload)

    def send(self, peer: PublicKey, lane: Lane, payload: bytes) -> bool:
        """Queues `payload` for `peer`. Returns False if it is not connected."""
        self._check_size(payload)
        connection = self._connections.get(peer)
        if connection is None:
            return False
        connection.send(lane, payload)
        return True

    def disconnect(self, peer: PublicKey, detail: str) -> None:
        """Disconnects a peer that misbehaved, if it is connected."""
        connection = self._connections.get(peer)
        if connection is not None:
            connection.close(Reason.MISBEHAVED, detail)

    def get_bytes_waiting(self, peer: PublicKey) -> int:
        """How many bytes wait in this process to be sent to `peer`."""
        connection = self._connections.get(peer)
        return connection.get_bytes_waiting() if connection else 0

    def _check_size(self, payload: bytes) -> None:
        if len(payload) > self._config.message_bytes_max:
            limit = self._config.message_bytes_max
            raise ValueError(f"a message of {len(payload)} bytes; peers accept {limit}: split it")

    # Tasks

    def _dial_peers(self) -> None:
        for peer, address in self._config.peers.items():
            if address is not None and peer != self.node_id and peer not in self._dialling:
                self._dialling[peer] = self._spawn(self._keep_dialling(peer, address))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._on_task_ended)
        return task

    def _on_task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self._failure is not None and not self._failure.done():
            self._failure.set_exception(error)

    async def _check_pulses(self) -> None:
        config = self._config
        while True:
            await asyncio.sleep(min(config.keep_alive_s, config.silence_max_s) / 4)
            for connection in list(self._connections.values()):
                connection.check_pulse(config.keep_alive_s, config.silence_max_s)

    # Being called

    def _on_accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._spawn(self._welcome(reader, writer))
        self._strangers[task] = writer
        if len(self._strangers) > self._config.handshakes_max:
            oldest = next(iter(self._strangers))
            self._refuse(self._strangers.pop(oldest), PeerError(Reason.TOO_MANY_HANDSHAKES))
            oldest.cancel()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            session = await shake_hands(reader, writer, self._config, None)
        except PeerError as error:
            self._refuse(writer, error)
            return
        finally:
            task = asyncio.current_task()
            if task is not None:
                self._strangers.pop(task, None)
        await self._serve(session)

    def _refuse(self, writer: asyncio.StreamWriter, error: PeerError) -> None:
        host, port = (writer.get_extra_info("peername") or ("unknown", 0))[:2]
        writer.transport.abort()
        self._handlers.on_refused((host, port), error.reason, error.detail)

    # Calling

    async def _keep_dialling(self, peer: PublicKey, address: Address) -> None:
        config, loop = self._config, asyncio.get_running_loop()
        delay = config.reconnect_s
        while True:
            if (existing := self._connections.get(peer)) is not None:
                await existing.ended.wait()
            started = loop.time()
            await self._dial(peer, address)
            if loop.time() - started > GOOD_CONNECTION_S:
                delay = config.reconnect_s
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
            delay = min(2 * delay, config.reconnect_max_s)

    async def _dial(self, peer: PublicKey, address: Address) -> None:
        """Dials once and, if that succeeds, runs the connection to its end."""
        writer = None
        try:
            async with asyncio.timeout(self._config.handshake_s):
                reader, writer = await asyncio.open_connection(*address, limit=READ_BUFFER_BYTES)
            session = await shake_hands(reader, writer, self._config, peer)
        except PeerError as error:
            problem = error
        except TimeoutError:
            problem = PeerError(Reason.HANDSHAKE_TIMEOUT)
        except OSError as error:
            problem = PeerError(Reason.UNREACHABLE, str(error))
        else:
            await self._serve(session)
            return
        finally:
            if writer is not None:
                writer.transport.abort()
        self._handlers.on_refused(address, problem.reason, problem.detail)

    # Being connected

    async def _serve(self, session: Session) -> None:
        """Keeps the connection, unless there is a better one, and runs it to its end."""
        peer = session.peer
        try:
            while (existing := self._connections.get(peer)) is not None:
                if not self._is_better(session, existing):
                    return
                existing.close(Reason.DUPLICATE)
                await existing.ended.wait()
            await self._run_connection(session)
        finally:
            session.writer.transport.abort()

    def _is_better(self, session: Session, existing: Connection) -> bool:
        """Of two connections stands the one that the lower node id dialled; of its own, the newer.

        Both sides come to the same answer, whatever they see first. A node that dials again has
        lost its older connection, even where the other side does not know it yet.
        """
        if session.is_dialling == existing.is_dialling:
            return True
        return session.is_dialling == (self.node_id < session.peer)

    async def _run_connection(self, session: Session) -> None:
        peer, counters = session.peer, self.counters[session.peer]
        connection = Connection(session, self._config, counters)
        self._connections[peer] = connection
        counters.connections += 1
        end = PeerError(Reason.SHUTDOWN)
        self._handlers.on_connected(peer)
        try:
            end = await connection.run(self._handlers.on_message)
        except Exception:
            end = PeerError(Reason.FAILED)
            raise
        finally:
            del self._connections[peer]
            counters.disconnections[end.reason] += 1
            self._handlers.on_disconnected(peer, end.reason, end.detail)

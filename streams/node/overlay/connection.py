"""One link to one authenticated peer, from the handshake to its end.

A reading loop hands over whole messages one after another; a writing loop empties the send queue as
fast as the peer reads. It knows no other connection and decides nothing about which one is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from schemas.generated.common import PublicKey
from streams.herder.lanes import Lane
from streams.node.overlay.handshake import (
    HELLO_BYTES,
    PROOF_BYTES,
    RECORD_BYTES_MAX,
    SEAL_BYTES,
    Agreement,
    Handshake,
    Opener,
    Sealer,
)
from streams.node.overlay.interface import (
    OverlayConfig,
    PeerCounters,
    PeerError,
    Reason,
)
from streams.node.overlay.queues import Reassembly, SendQueue

# A record with no content says that the sender lives.
SIGN_OF_LIFE = b""
WRITE_BUFFER_BYTES = 4 * RECORD_BYTES_MAX
READ_BUFFER_BYTES = 2 * RECORD_BYTES_MAX

OnMessage = Callable[[PublicKey, bytes], Awaitable[None]]


@dataclass(slots=True, repr=False)
class Session:
    """A finished handshake."""

    peer: PublicKey
    is_dialling: bool
    sealer: Sealer
    opener: Opener
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter


async def shake_hands(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    config: OverlayConfig,
    dialled: PublicKey | None,
) -> Session:
    """Proves who both sides are; `dialled` is whom this side called, None if it was called.

    Raises PeerError, also when it takes too long. The side that is called says nothing until it
    has heard the name of a configured peer.
    """
    handshake = Handshake(config.network_id, config.signing_key, is_dialling=dialled is not None)
    try:
        async with asyncio.timeout(config.handshake_s):
            agreement = await _exchange_hellos(reader, writer, handshake, config, dialled)
            proof, sealer = agreement.make_proof()
            writer.write(proof)
            opener = agreement.receive_proof(await reader.readexactly(PROOF_BYTES))
    except TimeoutError as error:
        raise PeerError(Reason.HANDSHAKE_TIMEOUT) from error
    except (asyncio.IncompleteReadError, OSError) as error:
        raise PeerError(Reason.CLOSED, "during the handshake") from error
    return Session(agreement.peer, dialled is not None, sealer, opener, reader, writer)


async def _exchange_hellos(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    handshake: Handshake,
    config: OverlayConfig,
    dialled: PublicKey | None,
) -> Agreement:
    if dialled is not None:
        writer.write(handshake.hello.encoded)
    agreement = handshake.agree(await reader.readexactly(HELLO_BYTES))
    if dialled is not None and agreement.peer != dialled:
        raise PeerError(Reason.WRONG_NODE)
    if agreement.peer not in config.peers or agreement.peer == handshake.hello.node_id:
        raise PeerError(Reason.UNKNOWN_NODE, agreement.peer.hex())
    if dialled is None:
        writer.write(handshake.hello.encoded)
    return agreement


class Connection:
    """An established link. `run` it once; `send` and `close` work meanwhile."""

    def __init__(self, session: Session, config: OverlayConfig, counters: PeerCounters) -> None:
        self.peer = session.peer
        self.is_dialling = session.is_dialling
        self.ended = asyncio.Event()
        self._session = session
        self._counters = counters
        self._queue = SendQueue(config.queue_bytes_max)
        self._reassembly = Reassembly(config.message_bytes_max)
        self._has_work = asyncio.Event()
        self._closed: PeerError | None = None
        self._loop = asyncio.get_running_loop()
        self._last_sent = self._loop.time()
        # Since when this side waits for the peer; None while it handles what the peer sent.
        self._waiting_since: float | None = None
        session.writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)

    def send(self, lane: Lane, payload: bytes) -> None:
        dropped = self._queue.put(lane, payload)
        if dropped:
            self._counters.messages_dropped[lane] += dropped
        self._has_work.set()

    def close(self, reason: Reason, detail: str = "") -> None:
        """Ends the connection at once; what waits is lost. The first reason counts."""
        if self._closed is None:
            self._closed = PeerError(reason, detail)
        self._session.writer.transport.abort()

    def check_pulse(self, keep_alive_s: float, silence_max_s: float) -> None:
        """To be called now and then: gives a sign of life, and ends what gives none."""
        now = self._loop.time()
        if self._waiting_since is not None and now - self._waiting_since > silence_max_s:
            self.close(Reason.SILENT, f"for {silence_max_s:g} s")
        elif now - self._last_sent > keep_alive_s and not self.get_bytes_waiting():
            self._write(SIGN_OF_LIFE)

    async def run(self, on_message: OnMessage) -> PeerError:
        """Hands over messages until the connection ends; returns why it did.

        What `on_message` raises, other than PeerError, is raised.
        """
        writing = asyncio.create_task(self._write_queue())
        try:
            await self._read_messages(on_message)
        except PeerError as error:
            self._closed = self._closed or error
        except (asyncio.IncompleteReadError, OSError) as error:
            is_inside = isinstance(error, asyncio.IncompleteReadError) and error.partial
            is_cut = is_inside or self._reassembly.has_partial()
            reason = Reason.TRUNCATED if is_cut else Reason.CLOSED
            self._closed = self._closed or PeerError(reason)
        finally:
            self._session.writer.transport.abort()
            writing.cancel()
            await asyncio.wait({writing})
            self.ended.set()
        return self._closed or PeerError(Reason.CLOSED)

    async def _read_messages(self, on_message: OnMessage) -> None:
        reader, opener, counters = self._session.reader, self._session.opener, self._counters
        while self._closed is None:
            self._waiting_since = self._loop.time()
            size = int.from_bytes(await reader.readexactly(4), "big")
            if not SEAL_BYTES <= size <= RECORD_BYTES_MAX:
                raise PeerError(Reason.OVERSIZED, f"a record of {size} bytes")
            content = opener.open(await reader.readexactly(size))
            self._waiting_since = None
            counters.bytes_received += 4 + size
            if content == SIGN_OF_LIFE:
                continue
            for payload in self._reassembly.feed(content):
                if self._closed is not None:
                    return
                counters.messages_received += 1
                await on_message(self.peer, payload)

    async def _write_queue(self) -> None:
        """Empties the queue whenever something is in it; stops where the peer stops reading."""
        try:
            while True:
                await self._has_work.wait()
                self._has_work.clear()
                while (taken := self._queue.take()) is not None:
                    content, completed = taken
                    self._write(content)
                    self._counters.messages_sent += completed
                    await self._session.writer.drain()
        except OSError:
            return  # the reading loop sees the end as well and names it

    def _write(self, content: bytes) -> None:
        if self._session.writer.is_closing():
            return
        record = self._session.sealer.seal(content)
        self._session.writer.write(record)
        self._counters.bytes_sent += len(record)
        self._last_sent = self._loop.time()

    def get_bytes_waiting(self) -> int:
        """What is held for the peer in this process: queued and handed to the transport."""
        return (
            self._queue.get_bytes_waiting() + self._session.writer.transport.get_write_buffer_size()
        )

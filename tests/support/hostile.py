"""What enemies of a network say: on the ingest topic, at the overlay's port, as a peer gone bad.

Everything here speaks to running nodes from outside, as anybody could who has the addresses and,
for `HostilePeer`, the seed of a configured node.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from nacl.signing import SigningKey

from infra.local.place import Place
from schemas.codec import unframe
from schemas.generated.common import Hash, PublicKey
from schemas.generated.events import Rejection, RejectionCode
from schemas.settings import KafkaSettings
from schemas.strkey import decode_seed
from schemas.topics import INGEST_TOPIC, MESSAGE_BYTES_MAX
from streams.herder.lanes import Lane
from streams.node.overlay.connection import Session, shake_hands
from streams.node.overlay.interface import Address, OverlayConfig
from streams.node.overlay.queues import SendQueue
from tests.support.workload import get_reader_settings

ANSWER_S = 30
QUEUE_BYTES = (1 << 28,) * 4


def produce(kafka: KafkaSettings, values: Iterable[bytes], partitions: int = 4) -> None:
    """Anything, of any size that the broker takes, to the ingest topic."""
    settings = {**kafka.get_client_settings(), "message.max.bytes": MESSAGE_BYTES_MAX}
    producer = Producer({**settings, "log_level": 0})
    for number, value in enumerate(values):
        producer.produce(INGEST_TOPIC, value, partition=number % partitions)
    assert producer.flush(60) == 0


def produce_bomb(kafka: KafkaSettings, codec: str, size: int) -> KafkaError | None:
    """A message that is small on its way and unpacks to `size` bytes; why the broker refuses it."""
    problems: list[KafkaError | None] = []
    limits = {"message.max.bytes": 1_000_000_000, "message.timeout.ms": 30_000, "retries": 0}
    producer = Producer(
        {**kafka.get_client_settings(), **limits, "compression.codec": codec, "log_level": 0}
    )
    producer.produce(
        INGEST_TOPIC, bytes(size), partition=0, on_delivery=lambda error, _: problems.append(error)
    )
    assert producer.flush(60) == 0
    return problems[0]


@dataclass
class Admissions:
    """What one node says of envelopes on its rejections topic from now on."""

    consumer: Consumer
    codes: dict[bytes, RejectionCode] = field(default_factory=dict)

    @classmethod
    def open(cls, kafka: KafkaSettings, node: str) -> "Admissions":
        consumer = Consumer(get_reader_settings(kafka))
        topic = f"{node}.rejections"
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)
        consumer.assign([TopicPartition(topic, 0, high)])
        return cls(consumer)

    def wait_for(self, envelope_hashes: Collection[bytes]) -> None:
        """Returns once the node has said something of each."""
        deadline = time.monotonic() + ANSWER_S
        while left := set(envelope_hashes) - self.codes.keys():
            assert time.monotonic() < deadline, f"nothing is said of {len(left)} envelopes"
            message = self.consumer.poll(1)
            if message is not None and message.error() is None:
                rejection = unframe(Rejection, message.value() or b"")
                self.codes[bytes(rejection.envelope_hash)] = rejection.code

    def close(self) -> None:
        self.consumer.close()


def get_node_key(place: Place, name: str) -> SigningKey:
    return SigningKey(decode_seed((place.folder.secrets / f"{name}.seed").read_text().strip()))


def get_overlay_address(place: Place, name: str) -> Address:
    return "127.0.0.1", place.get_port(f"{name}.overlay")


class Tap:
    """A writer that remembers what went through it."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.written = bytearray()

    def write(self, data: bytes) -> None:
        self.written += data
        self._writer.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


@dataclass
class HostilePeer:
    """A link to one node, made with the key of one of its peers."""

    session: Session
    handshake: bytes
    """What this side sent to be let in."""
    key: SigningKey

    @property
    def node_id(self) -> PublicKey:
        return PublicKey(bytes(self.key.verify_key))

    def write(self, data: bytes) -> None:
        """Bytes on the wire, as they are."""
        self.session.writer.write(data)

    def write_record(self, content: bytes) -> None:
        """A truly sealed record with any content."""
        self.write(self.session.sealer.seal(content))

    def send(self, payload: bytes, lane: Lane = Lane.SCP) -> None:
        """A well-framed message with any payload."""
        queue = SendQueue(QUEUE_BYTES)
        queue.put(lane, payload)
        while (taken := queue.take()) is not None:
            self.write_record(taken[0])

    async def say(self, payload: bytes) -> None:
        """The same, at the pace of who listens."""
        self.send(payload)
        await self.session.writer.drain()

    async def has_ended(self) -> bool:
        """Whether the node hangs up, whatever it says before."""
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(ANSWER_S):
                while await self.session.reader.read(1 << 20):
                    pass
        return True


async def _drain(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        while await reader.read(1 << 20):
            pass


@contextlib.asynccontextmanager
async def open_peer(
    place: Place, network_id: Hash, name: str, target: str, *, is_listening: bool = True
) -> AsyncIterator[HostilePeer]:
    """Shakes hands with node `target` as node `name`, which must be down.

    `is_listening`: reads what the node sends and forgets it; otherwise that is the test's matter.
    """
    key = get_node_key(place, name)
    target_id = PublicKey(bytes(get_node_key(place, target).verify_key))
    address = get_overlay_address(place, target)
    config = OverlayConfig(network_id=network_id, signing_key=key, peers={target_id: address})
    reader, writer = await asyncio.open_connection(*address)
    listening: asyncio.Task[None] | None = None
    try:
        tap: Any = Tap(writer)
        session = await shake_hands(reader, tap, config, target_id)
        if is_listening:
            listening = asyncio.create_task(_drain(reader))
        yield HostilePeer(session, bytes(tap.written), key)
    finally:
        if listening is not None:
            listening.cancel()
        writer.transport.abort()


async def send_raw(address: Address, *pieces: bytes, wait_s: float = ANSWER_S) -> bytes:
    """Connects, sends and reads until the other side hangs up; what it said."""
    reader, writer = await asyncio.open_connection(*address)
    try:
        for piece in pieces:
            writer.write(piece)
        async with asyncio.timeout(wait_s):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.transport.abort()

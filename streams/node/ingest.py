"""Envelopes from the ingest topic and from peers, up to the herder's door. Shell.

A thread polls Kafka and waits while the node has enough; signatures are verified in worker
processes; what is well-formed and truly signed goes on, the rest is rejected.
"""

import asyncio
import threading
from collections.abc import Iterable

import structlog
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.codec import FRAME_BYTES, FRAME_MARKER
from schemas.generated import FINGERPRINTS
from schemas.generated.common import Hash
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import TransactionEnvelope
from schemas.settings import KafkaSettings
from schemas.topics import INGEST_TOPIC
from streams.herder.herder import Herder
from streams.herder.offsets import Offsets
from streams.herder.outputs import Reject
from streams.herder.signature_work import SignatureJob, make_job
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.hashes import compute_hash
from streams.node.broker import ask_until_answered, get_consumer_settings
from streams.node.inbox import Inbox
from streams.node.rejections import Rejections
from streams.node.verification import VerificationPool

HEAD = FRAME_MARKER + FINGERPRINTS[TransactionEnvelope]
BATCH_MAX = 500
BATCHES_MAX = 8  # on their way at once: the workers go on while the herder closes a ledger
ON_THE_WAY_MAX = BATCH_MAX * BATCHES_MAX
POLL_S = 0.02
# What is read ahead: thousands of envelopes, but few of the largest messages that a broker takes,
# which cost a node their size several times over. One that is larger than a fetch still comes. Once
# that much waits, the library would look away for a second: a few huge messages held up all others.
FETCH_SETTINGS = {
    "fetch.message.max.bytes": 1024 * 1024,
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.queue.backoff.ms": 20,
}

log = structlog.get_logger()


class Ingest:
    """The way of envelopes to the herder. `transactions_max` is the bound of its queue: ingest
    waits rather than read what the queue would refuse."""

    def __init__(
        self,
        herder: Herder,
        inbox: Inbox,
        pool: "VerificationPool[SignatureJob, int | None]",
        offsets: Offsets,
        rejections: Rejections,
        transactions_max: int,
    ) -> None:
        self._herder = herder
        self._inbox = inbox
        self._pool = pool
        self._offsets = offsets
        self._rejections = rejections
        self._waiting_max = max(0, transactions_max - ON_THE_WAY_MAX)
        self._in_flight: set[Hash] = set()
        self._slots = asyncio.Semaphore(BATCHES_MAX)
        self._is_stopping = threading.Event()

    async def offer(self, envelopes: Iterable[tuple[Hash, bytes]]) -> None:
        """Takes envelopes, with their hashes, from anywhere; returns when they were admitted or
        rejected."""
        candidates: list[Candidate] = []
        for envelope_hash, envelope in envelopes:
            if envelope_hash in self._in_flight or self._is_known(envelope_hash):
                continue
            opened = validate_envelope(envelope, self._herder.network_id, envelope_hash)
            if isinstance(opened, RejectionReason):
                self._rejections.reject(Reject(envelope_hash, opened))
                continue
            self._in_flight.add(envelope_hash)
            candidates.append(opened)
        if not candidates:
            return
        try:
            await self._verify_and_admit(candidates)
        finally:
            self._in_flight.difference_update(each.envelope_hash for each in candidates)

    def _is_known(self, envelope_hash: Hash) -> bool:
        """Whether it is here already; what a recent ledger has is processed with that."""
        intake = self._herder.intake
        if intake.is_closed(envelope_hash):
            self._offsets.set_processed(envelope_hash)
        return intake.is_known(envelope_hash)

    async def _verify_and_admit(self, candidates: list[Candidate]) -> None:
        async with self._slots:
            false = await self._pool.run([make_job(each) for each in candidates])
        verified: list[Candidate] = []
        for candidate, index in zip(candidates, false, strict=True):
            if index is None:
                verified.append(candidate)
                continue
            detail = f"the signature of {candidate.signers[index].hex()} is false"
            code = RejectionCode.BAD_SIGNATURE
            reason = RejectionReason(code, detail, candidate.transaction_hash)
            self._rejections.reject(Reject(candidate.envelope_hash, reason))
        # This returns when the herder takes them, so that the bound here counts what waits there.
        await self._inbox.put_and_wait(lambda now_ms: self._herder.admit(verified, now_ms))

    async def follow(self, kafka: KafkaSettings, starts: dict[int, int]) -> None:
        """Reads the ingest topic from `starts` (by partition) on, for ever."""
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[list[Message]] = asyncio.Queue(BATCHES_MAX)
        poll = asyncio.to_thread(self._poll, kafka, starts, loop, inbox)
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(poll)
                for _ in range(BATCHES_MAX):
                    parts.create_task(self._take(inbox))
        finally:
            self._is_stopping.set()

    async def _take(self, inbox: "asyncio.Queue[list[Message]]") -> None:
        """One batch after the other; several of these run, so that the workers never wait."""
        while True:
            envelopes = self._open(await inbox.get())  # at once: offsets are noted in order
            while len(self._herder.intake.queue) > self._waiting_max:
                await asyncio.sleep(POLL_S)
            await self.offer(envelopes)

    def _open(self, messages: list[Message]) -> list[tuple[Hash, bytes]]:
        """The envelopes in the frames; notes the offsets; rejects what is no frame."""
        envelopes = []
        for message in messages:
            value: bytes = message.value() or b""
            partition, offset = message.partition() or 0, message.offset() or 0
            envelope = value[FRAME_BYTES:]
            envelope_hash = compute_hash(envelope)
            if value[:FRAME_BYTES] != HEAD:
                self._offsets.skip(partition, offset)
                detail = "not a framed TransactionEnvelope"
                reason = RejectionReason(RejectionCode.MALFORMED, detail)
                self._rejections.reject(Reject(envelope_hash, reason))
            else:
                self._offsets.add(partition, offset, envelope_hash)
                envelopes.append((envelope_hash, envelope))
        return envelopes

    def _poll(
        self,
        kafka: KafkaSettings,
        starts: dict[int, int],
        loop: asyncio.AbstractEventLoop,
        inbox: "asyncio.Queue[list[Message]]",
    ) -> None:
        consumer = Consumer({**get_consumer_settings(kafka, "ingest"), **FETCH_SETTINGS})
        try:
            topics = ask_until_answered(
                lambda wait_s: consumer.list_topics(INGEST_TOPIC, timeout=wait_s).topics,
                self._is_stopping,
            )
            if topics is None:
                return
            partitions = sorted(topics[INGEST_TOPIC].partitions)
            consumer.assign(
                [TopicPartition(INGEST_TOPIC, each, starts.get(each, 0)) for each in partitions]
            )
            while not self._is_stopping.is_set():
                messages = consumer.consume(BATCH_MAX, timeout=POLL_S)
                good = [each for each in messages if not _has_failed(each)]
                if good:
                    asyncio.run_coroutine_threadsafe(inbox.put(good), loop).result()
        finally:
            consumer.close()


def _has_failed(message: Message) -> bool:
    error = message.error()
    if error is None:
        return False
    if error.fatal():
        raise KafkaException(error)
    log.warning("the ingest topic cannot be read now", error=error.str())
    return True

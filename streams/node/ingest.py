"""Envelopes from the ingest topic and from peers, up to the herder's door. Shell.

A thread polls Kafka and waits while the node has enough; signatures are verified in worker
processes; what is well-formed and truly signed goes on, the rest is rejected.
"""

import asyncio
import threading
from collections.abc import Iterable, Sequence

import structlog

from schemas.codec import strip_frame
from schemas.generated.common import Hash
from schemas.generated.events import RejectionCode
from schemas.generated.transactions import TransactionEnvelope
from schemas.settings import KafkaSettings
from schemas.topics import INGEST_TOPIC
from streams.broker import BrokerWatch
from streams.herder.herder import Herder
from streams.herder.offsets import Offsets
from streams.herder.outputs import Reject
from streams.herder.signature_work import SignatureJob, make_job
from streams.ledger.admission import Candidate, RejectionReason, validate_envelope
from streams.ledger.hashes import compute_hash
from streams.node.inbox import Inbox
from streams.node.metrics import Metrics
from streams.node.rejections import Rejections
from streams.node.topic_check import find_faults
from streams.node.topic_reader import BATCH_MAX, Passed, Read, TopicReader
from streams.node.verification import VerificationPool

BATCHES_MAX = 8  # on their way at once: the workers go on while the herder closes a ledger
ON_THE_WAY_MAX = BATCH_MAX * BATCHES_MAX
ROOM_POLL_S = 0.02

log = structlog.get_logger()


class Ingest:
    """The way of envelopes to the herder. `transactions_max` is the bound of its queue: ingest
    waits rather than read what the queue would refuse."""

    def __init__(
        self,
        herder: Herder,
        inbox: Inbox,
        pool: "VerificationPool[SignatureJob, bytes | None]",
        offsets: Offsets,
        rejections: Rejections,
        metrics: Metrics,
        transactions_max: int,
    ) -> None:
        self._herder = herder
        self._inbox = inbox
        self._pool = pool
        self._offsets = offsets
        self._rejections = rejections
        self._metrics = metrics
        self._waiting_max = max(0, transactions_max - ON_THE_WAY_MAX)
        self._in_flight: set[Hash] = set()
        self._slots = asyncio.Semaphore(BATCHES_MAX)
        self.unreadable_batches = 0
        self._reader: TopicReader | None = None
        self._topic_faults: list[str] = []

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
        for candidate, signer in zip(candidates, false, strict=True):
            if signer is None:
                verified.append(candidate)
                continue
            detail = f"the signature of {signer.hex()} is false"
            code = RejectionCode.BAD_SIGNATURE
            reason = RejectionReason(code, detail, candidate.transaction_hash)
            self._rejections.reject(Reject(candidate.envelope_hash, reason))
        # This returns when the herder takes them, so that the bound here counts what waits there.
        await self._inbox.put_and_wait(lambda now_ms: self._herder.admit(verified, now_ms))

    async def follow(self, kafka: KafkaSettings, starts: dict[int, int]) -> None:
        """Reads the ingest topic from `starts` (by partition) on, for ever."""
        loop = asyncio.get_running_loop()
        inbox: asyncio.Queue[Sequence[Read]] = asyncio.Queue(BATCHES_MAX)

        def give(read: Sequence[Read]) -> None:
            asyncio.run_coroutine_threadsafe(inbox.put(read), loop).result()

        self._reader = reader = TopicReader(kafka, INGEST_TOPIC, starts, give)
        is_stopping = threading.Event()
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(asyncio.to_thread(reader.run))
                parts.create_task(self._check_topic(kafka, is_stopping))
                for _ in range(BATCHES_MAX):
                    parts.create_task(self._take(inbox))
        finally:
            reader.stop()
            is_stopping.set()

    async def _check_topic(self, kafka: KafkaSettings, is_stopping: threading.Event) -> None:
        faults = await asyncio.to_thread(find_faults, kafka, INGEST_TOPIC, is_stopping)
        for fault in faults:
            log.error("the ingest topic is not set as it should be", fault=fault)
        self._topic_faults = faults

    @property
    def watch(self) -> BrokerWatch | None:
        """Of the reader's client; None before it reads."""
        return None if self._reader is None else self._reader.watch

    def get_problems(self) -> list[str]:
        """What operators should know of, a line each."""
        problems = list(self._topic_faults)
        if self._reader is not None and self._reader.is_stuck:
            problems.append("a batch of the ingest topic cannot be read: its end is looked for")
        return problems

    async def _take(self, inbox: "asyncio.Queue[Sequence[Read]]") -> None:
        """One batch after the other; several of these run, so that the workers never wait."""
        while True:
            envelopes = self._open(await inbox.get())  # at once: offsets are noted in order
            while len(self._herder.intake.queue) > self._waiting_max:
                await asyncio.sleep(ROOM_POLL_S)
            await self.offer(envelopes)

    def _open(self, read: Sequence[Read]) -> list[tuple[Hash, bytes]]:
        """The envelopes, framed or not; notes their offsets."""
        envelopes = []
        for each in read:
            if isinstance(each, Passed):
                self._note_passed(each)
                continue
            envelope = strip_frame(TransactionEnvelope, each.value() or b"")
            envelope_hash = compute_hash(envelope)
            self._offsets.add(each.partition() or 0, each.offset() or 0, envelope_hash)
            envelopes.append((envelope_hash, envelope))
        return envelopes

    def _note_passed(self, passed: Passed) -> None:
        """Nobody knows what was in it, so no envelope can be rejected: operators are told."""
        self._offsets.skip(passed.partition, passed.end - 1)
        self.unreadable_batches += 1
        self._metrics.unreadable_batches.inc()
        self._metrics.unreadable_offsets.inc(passed.end - passed.first)
        log.error(
            "a batch of the ingest topic cannot be read and was passed",
            partition=passed.partition,
            first_offset=passed.first,
            next_offset=passed.end,
            reason=passed.reason,
        )

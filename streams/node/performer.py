"""The herder's loop: one step, then all it asked for, in order, then the next. Shell.

What stands after a `Persist` or a `Commit` is done only once that is durable: a commit is durable
before the signature after it leaves.
"""

import asyncio
import time

import structlog

from schemas.codec import encode
from schemas.generated.ledger import LedgerRecord
from schemas.generated.overlay import SignedHeader
from streams.herder import outputs
from streams.herder.herder import Herder
from streams.herder.offsets import Offsets
from streams.herder.outputs import Certified, Commit, Output, Timer
from streams.herder.proofs import Proofs
from streams.kill_points import kill_points
from streams.node.archive_reader import ArchiveReader
from streams.node.archiver import Archiver
from streams.node.inbox import Inbox, get_now_ms
from streams.node.metrics import Metrics
from streams.node.overlay.overlay import Overlay
from streams.node.publisher import Publisher
from streams.node.rejections import Rejections
from streams.node.store_thread import StoreThread

log = structlog.get_logger()


class Performer:
    """Performs outputs on the node's other parts."""

    def __init__(
        self,
        herder: Herder,
        inbox: Inbox,
        *,
        store: StoreThread,
        offsets: Offsets,
        proofs: Proofs,
        publisher: Publisher,
        overlay: Overlay,
        rejections: Rejections,
        metrics: Metrics,
        archiver: Archiver,
        archive_reader: ArchiveReader,
    ) -> None:
        self._herder = herder
        self._inbox = inbox
        self._store = store
        self._offsets = offsets
        self._proofs = proofs
        self._publisher = publisher
        self._overlay = overlay
        self._rejections = rejections
        self._metrics = metrics
        self._archiver = archiver
        self._archive_reader = archive_reader
        self._timers: dict[tuple[outputs.TimerName, int], asyncio.TimerHandle] = {}
        self._progress_at = time.monotonic()

    def get_silent_s(self) -> float:
        """How long ago the last ledger was committed, or the node began."""
        return time.monotonic() - self._progress_at

    async def run(self) -> None:
        """For ever. Raises what a part raises: then nothing after it was done."""
        while True:
            step = await self._inbox.get()
            steps = step(get_now_ms())
            for each in steps:  # before anything else can ask for a proof: the state has changed
                if isinstance(each, Commit):
                    self._proofs.add_closed(each.closed)
            for each in steps:
                await self._perform(each)

    async def _perform(self, output: Output) -> None:
        match output:
            case outputs.Persist():
                kill_points.note("before-persist")
                await self._store.run(self._store.store.persist, output)
                kill_points.note("after-persist")
            case Commit():
                await self._commit(output)
            case outputs.Broadcast(lane, message):
                self._overlay.broadcast(lane, encode(message))
                if isinstance(message.body, SignedHeader):
                    kill_points.note("after-sign")
            case outputs.Send(peer, lane, message):
                self._overlay.send(peer, lane, encode(message))
            case outputs.StartTimer(timer, delay_ms):
                self._start_timer(timer, delay_ms)
            case outputs.StopTimer(name, slot):
                self._stop_timer(name, slot)
            case Certified():
                await self._certify(output)
            case outputs.Reject():
                self._rejections.reject(output)
            case outputs.Processed(envelope_hashes):
                self._offsets.set_processed(*envelope_hashes)
            case outputs.ReadArchive(last):
                self._archive_reader.want(last)
            case outputs.ReadCertificates(first, last):
                self._archive_reader.want_certificates(first, last)
            case outputs.Alarm(text):
                self._metrics.alarms.inc()
                log.error("alarm", text=text)

    async def _commit(self, commit: Commit) -> None:
        closed = commit.closed
        kill_points.note("before-commit")
        with self._metrics.commit_seconds.time():
            await self._store.run(self._store.store.commit, commit, self._offsets.get_next())
        kill_points.note("after-commit")
        self._progress_at = time.monotonic()
        self._metrics.transactions.inc(len(closed.applied))
        self._archiver.note_closed(closed.header.sequence)
        if commit.certificate is not None:
            record = LedgerRecord(closed.header_bytes, commit.certificate, closed.body)
            sequence, header_hash = closed.header.sequence, closed.header_hash
            self._note_certified(Certified(sequence, header_hash, commit.certificate, record))

    async def _certify(self, certified: Certified) -> None:
        kill_points.note("before-certify")
        await self._store.run(
            self._store.store.set_certificate,
            certified.sequence,
            certified.header_hash,
            certified.certificate,
        )
        kill_points.note("after-certify")
        self._note_certified(certified)

    def _note_certified(self, certified: Certified) -> None:
        self._proofs.set_certificate(
            certified.sequence, certified.header_hash, certified.certificate
        )
        self._publisher.add(certified.sequence, certified.record)

    def _start_timer(self, timer: Timer, delay_ms: int) -> None:
        self._stop_timer(timer.name, timer.slot)
        loop = asyncio.get_running_loop()

        def fire() -> None:
            del self._timers[timer.name, timer.slot]
            self._inbox.put(lambda now_ms: self._herder.fire(timer, now_ms))

        self._timers[timer.name, timer.slot] = loop.call_later(delay_ms / 1000, fire)

    def _stop_timer(self, name: outputs.TimerName, slot: int) -> None:
        handle = self._timers.pop((name, slot), None)
        if handle is not None:
            handle.cancel()

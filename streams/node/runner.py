"""A core node's process: the one place where its parts are put together. Shell; no decisions.

Everything the herder is told comes through one inbox, and its outputs are performed in order
before the next: a commit is durable before the signature after it leaves.
"""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import structlog
import uvloop
from nacl.signing import SigningKey

from schemas.codec import Malformed, decode, encode
from schemas.generated.common import Hash, PublicKey
from schemas.generated.ledger import Certificate, LedgerRecord
from schemas.generated.overlay import (
    CertificateReply,
    CertificateRequest,
    LedgerReply,
    LedgerRequest,
    Message,
    SignedHeader,
    Transactions,
)
from schemas.settings import EXIT_NOT_TRUE
from schemas.strkey import decode_account_id, decode_seed, encode_account_id
from streams.herder import outputs
from streams.herder.herder import Herder
from streams.herder.lanes import Lane
from streams.herder.offsets import Offsets
from streams.herder.outputs import Commit, Output, Timer
from streams.herder.proofs import Proofs
from streams.herder.signature_work import SignatureJob
from streams.kill_points import kill_points
from streams.ledger.admission import Candidate, RejectionReason
from streams.ledger.close import ClosedLedger, Ledger
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import decode_genesis, open_genesis
from streams.ledger.hashes import compute_hash
from streams.node.config import CoreSettings
from streams.node.ingest import ON_THE_WAY_MAX, Ingest
from streams.node.overlay.interface import (
    Address,
    MisbehaviourError,
    OverlayConfig,
    Reason,
)
from streams.node.overlay.overlay import Overlay
from streams.node.private_http import PrivateHttp
from streams.node.publisher import Publisher
from streams.node.status import get_status
from streams.node.store import Store, StoredRecord
from streams.node.verification import VerificationPool

REPLY_BYTES_MAX = 4 * 1024 * 1024
INBOX_MAX = 1_000
WORK = "streams.herder.signature_work:find_false_signatures"

log = structlog.get_logger()
Step = Callable[[int], list[Output]]


class UnusableStore(Exception):
    """The database belongs to another network, or the genesis file changed."""


def get_now_ms() -> int:
    return time.time_ns() // 1_000_000


class Node:
    """All parts of one running node."""

    def __init__(self, settings: CoreSettings, store: Store, ledger: Ledger) -> None:
        self.settings = settings
        self.store = store
        self.signing_key = SigningKey(decode_seed(settings.seed_file.read_text().strip()))
        self.herder = Herder(
            ledger, self.signing_key, settings.transactions_max, settings.is_flooding
        )
        self.offsets = Offsets()
        self.proofs = Proofs(ledger)
        self.names = {
            PublicKey(decode_account_id(peer.node_id)): peer.name for peer in settings.overlay.peers
        }
        self.pool: VerificationPool[SignatureJob, int | None] = VerificationPool(
            WORK, settings.workers
        )
        self.publisher = Publisher(settings.kafka, settings.name, self._load_records)
        self.ingest = Ingest(
            ledger.header.network_id,
            self.pool,
            self.offsets,
            admit=self._admit,
            reject=self._reject,
            is_known=self._is_known,
            has_room=lambda: (
                len(self.herder.intake.queue) <= max(0, settings.transactions_max - ON_THE_WAY_MAX)
            ),
        )
        self.overlay = Overlay(self._get_overlay_config(), self)
        self.connected: set[PublicKey] = set()
        self.last_progress_ms = get_now_ms()
        self._inbox: asyncio.Queue[Step] = asyncio.Queue()
        self._timers: dict[tuple[outputs.TimerName, int], asyncio.TimerHandle] = {}
        self._thread = ThreadPoolExecutor(1, "store")  # the store's one thread
        self._unsaved: asyncio.Future[None] | None = None
        self._uncertified: dict[int, ClosedLedger] = {}

    def _get_overlay_config(self) -> OverlayConfig:
        overlay = self.settings.overlay
        host, port = _split(overlay.listen)
        peers: dict[PublicKey, Address | None] = {
            PublicKey(decode_account_id(peer.node_id)): _split(peer.address)
            for peer in overlay.peers
        }
        return OverlayConfig(
            network_id=self.herder.network_id,
            signing_key=self.signing_key,
            peers=peers,
            listen_host=host,
            listen_port=port,
        )

    async def run(self) -> None:
        """Runs until it is asked to stop. Whatever part fails, fails the node."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        restored = await self._in_thread(self.store.load_restored)
        starts = await self._in_thread(self.store.load_offsets)
        await self.pool.start()
        await self.overlay.start()
        token = self.settings.http.token_file.read_text().strip()
        http = PrivateHttp(token, self.proofs, lambda: get_status(self, get_now_ms()))
        server = http.get_server(self.settings.http.listen)
        self._inbox.put_nowait(lambda now_ms: self.herder.start(restored, now_ms))
        kafka = self.settings.kafka
        parts = [
            asyncio.create_task(self._work(), name="herder"),
            asyncio.create_task(self.publisher.run(), name="publisher"),
            asyncio.create_task(self.ingest.follow(kafka, starts), name="ingest"),
            asyncio.create_task(self.overlay.wait(), name="overlay"),
            asyncio.create_task(server.serve(), name="http"),
        ]
        stopped = asyncio.create_task(stop.wait(), name="stop")
        done, _ = await asyncio.wait({*parts, stopped}, return_when=asyncio.FIRST_COMPLETED)
        try:
            for task in done - {stopped}:
                task.result()
        finally:
            await self._stop(parts, server)

    async def _stop(self, parts: list[asyncio.Task[None]], server: Any) -> None:
        server.should_exit = True
        for task in parts:
            if task.get_name() != "http":
                task.cancel()
        await asyncio.wait(parts, timeout=5)
        await self.overlay.close()
        await self.pool.close()
        await asyncio.to_thread(self.publisher.flush)
        self._thread.shutdown()
        self.store.close()

    async def _work(self) -> None:
        """The herder's loop: one step, then all it asked for, then the next."""
        while True:
            step = await self._inbox.get()
            for each in step(get_now_ms()):
                await self._perform(each)

    async def _perform(self, output: Output) -> None:
        match output:
            case outputs.Persist():
                kill_points.note("before-persist")
                await self._in_thread(self.store.persist, output)
                kill_points.note("after-persist")
            case Commit():
                await self._commit(output)
            case outputs.Broadcast(lane, message):
                self.overlay.broadcast(Lane(lane.value), encode(message))
                if isinstance(message.body, SignedHeader):
                    kill_points.note("after-sign")
            case outputs.Send(peer, lane, message):
                self.overlay.send(peer, Lane(lane.value), encode(message))
            case outputs.StartTimer(timer, delay_ms):
                self._start_timer(timer, delay_ms)
            case outputs.StopTimer(name, slot):
                self._stop_timer(name, slot)
            case outputs.Certified(sequence, header_hash, certificate):
                await self._certify(sequence, header_hash, certificate)
            case outputs.Reject(envelope_hash, rejection):
                self._reject(envelope_hash, rejection)
            case outputs.Processed(envelope_hashes):
                self.offsets.set_processed(*envelope_hashes)
            case outputs.Alarm(text):
                log.error("alarm", text=text)

    async def _commit(self, commit: Commit) -> None:
        closed = commit.closed
        kill_points.note("before-commit")
        await self._in_thread(self.store.commit, commit, self.offsets.get_next())
        kill_points.note("after-commit")
        self.last_progress_ms = get_now_ms()
        self.proofs.add_closed(closed)
        if commit.certificate is None:
            self._uncertified[closed.header.sequence] = closed
        else:
            self._note_certified(closed, commit.certificate)

    async def _certify(self, sequence: int, header_hash: Hash, certificate: Certificate) -> None:
        kill_points.note("before-certify")
        await self._in_thread(self.store.set_certificate, sequence, header_hash, certificate)
        kill_points.note("after-certify")
        closed = self._uncertified.pop(sequence, None)
        if closed is None:
            self.publisher.add(sequence, None)
        else:
            self._note_certified(closed, certificate)

    def _note_certified(self, closed: ClosedLedger, certificate: Certificate) -> None:
        sequence = closed.header.sequence
        self.proofs.set_certificate(sequence, closed.header_hash, certificate)
        record = LedgerRecord(closed.header_bytes, certificate, closed.body)
        self.publisher.add(sequence, record)

    def _start_timer(self, timer: Timer, delay_ms: int) -> None:
        self._stop_timer(timer.name, timer.slot)
        loop = asyncio.get_running_loop()

        def fire() -> None:
            del self._timers[timer.name, timer.slot]
            self._inbox.put_nowait(lambda now_ms: self.herder.fire(timer, now_ms))

        self._timers[timer.name, timer.slot] = loop.call_later(delay_ms / 1000, fire)

    def _stop_timer(self, name: outputs.TimerName, slot: int) -> None:
        handle = self._timers.pop((name, slot), None)
        if handle is not None:
            handle.cancel()

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    async def _load_records(self, first: int, bytes_max: int) -> list[StoredRecord]:
        found: list[StoredRecord] = await self._in_thread(self.store.load_records, first, bytes_max)
        return found

    # Ingest

    async def _admit(self, candidates: list[Candidate]) -> None:
        """Returns when the herder has taken them, so that ingest's bound counts what waits here."""
        taken = asyncio.get_running_loop().create_future()

        def admit(now_ms: int) -> list[Output]:
            if not taken.cancelled():
                taken.set_result(None)
            return self.herder.admit(candidates, now_ms)

        self._inbox.put_nowait(admit)
        await taken

    def _reject(self, envelope_hash: Hash, rejection: RejectionReason) -> None:
        self.offsets.set_processed(envelope_hash)
        sequence = self.herder.ledger.header.sequence
        self.publisher.reject(envelope_hash, rejection, sequence, get_now_ms())

    def _is_known(self, envelope_hash: Hash) -> bool:
        if self.herder.intake.is_closed(envelope_hash):
            self.offsets.set_processed(envelope_hash)
        return self.herder.intake.is_known(envelope_hash)

    async def _wait_for_room(self) -> None:
        while self._inbox.qsize() > INBOX_MAX:
            await asyncio.sleep(0.01)

    # Overlay

    async def on_message(self, peer: PublicKey, payload: bytes) -> None:
        try:
            message = decode(Message, payload)
        except Malformed as error:
            raise MisbehaviourError(str(error)) from None
        await self._wait_for_room()
        match message.body:
            case LedgerRequest(first_sequence):
                await self._answer_ledger_request(peer, first_sequence)
            case CertificateRequest(sequence):
                await self._answer_certificate_request(peer, sequence)
            case Transactions(envelopes):
                await self.ingest.offer([(compute_hash(each), each) for each in envelopes])
            case _:
                self._inbox.put_nowait(lambda now_ms: self.herder.receive(peer, message, now_ms))

    async def _answer_ledger_request(self, peer: PublicKey, first: int) -> None:
        records = await self._load_records(first, REPLY_BYTES_MAX)
        replies = [LedgerReply(each.sequence, each.record) for each in records]
        for reply in replies or [LedgerReply(first, None)]:
            self.overlay.send(peer, Lane.REPLIES, encode(Message(reply)))

    async def _answer_certificate_request(self, peer: PublicKey, sequence: int) -> None:
        found = await self._in_thread(self.store.load_certificate, sequence)
        if found is not None:
            reply = CertificateReply(sequence, *found)
            self.overlay.send(peer, Lane.REPLIES, encode(Message(reply)))

    def on_connected(self, peer: PublicKey) -> None:
        self.connected.add(peer)
        log.info("connected", peer=self.names.get(peer))
        self._inbox.put_nowait(lambda now_ms: self.herder.connect(peer, now_ms))

    def on_disconnected(self, peer: PublicKey, reason: Reason, detail: str) -> None:
        self.connected.discard(peer)
        self._inbox.put_nowait(lambda _: self.herder.disconnect(peer))
        log.info("disconnected", peer=self.names.get(peer), reason=reason.name, detail=detail)

    def on_refused(self, address: Address, reason: Reason, detail: str) -> None:
        if reason is not Reason.UNREACHABLE:
            log.warning("refused", address=address, reason=reason.name, detail=detail)


def open_store(settings: CoreSettings) -> tuple[Store, Ledger]:
    """The database with the last ledger, or with the genesis if it was empty."""
    opened = open_genesis(decode_genesis(settings.genesis_file.read_bytes()))
    store = Store(settings.database.url.reveal())
    if store.is_empty():
        ledger = opened.ledger
        commit = Commit(opened.closed, None, Certificate(()))
        store.commit(commit, {})
        return store, ledger
    ledger = store.load_ledger()
    genesis_hash = store.load_genesis_hash()
    if genesis_hash != opened.closed.header_hash:
        raise UnusableStore(
            f"the database was begun with the genesis {genesis_hash.hex()}, the genesis file gives "
            f"{opened.closed.header_hash.hex()}: use that file, or an empty database"
        )
    return store, ledger


def run(settings: CoreSettings) -> None:
    """Runs one core node until SIGTERM (`tokend run core`).

    Ends by SystemExit: `EXIT_NOT_TRUE` when the node computed what cannot be, or what the network
    does not say; 1 when the database fails, of which the log tells in one line.
    """
    kill_points.arm(os.environ)
    structlog.contextvars.bind_contextvars(node=settings.name)
    try:
        _run_node(settings)
    except InvariantViolation as breach:
        log.critical("the node stops before it signs", alarm=True, reason=str(breach))
        raise SystemExit(EXIT_NOT_TRUE) from breach
    except psycopg.Error as error:
        log.critical("the database fails: the node ends, to begin again", reason=str(error))
        raise SystemExit(1) from error


def _run_node(settings: CoreSettings) -> None:
    store, ledger = open_store(settings)
    log.info("started", sequence=ledger.header.sequence, entries=len(ledger.state.encoded))
    gc.collect()
    gc.freeze()  # the state stays: spare the collector from looking at it again and again
    gc.set_threshold(50_000, 20, 50)

    async def main() -> None:
        node = Node(settings, store, ledger)
        log.info("node", node_id=encode_account_id(node.herder.agreement.node_id))
        await node.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _split(address: str) -> Address:
    host, _, port = address.rpartition(":")
    return host, int(port)

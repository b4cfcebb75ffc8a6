"""A core node's process: the one place where its parts are put together. Shell; no decisions."""

import asyncio
import gc
import os
import signal
from collections.abc import Iterable, Mapping

import psycopg
import structlog
import uvloop
from nacl.signing import SigningKey

from schemas.generated.common import PublicKey
from schemas.generated.ledger import Certificate
from schemas.settings import EXIT_NOT_TRUE
from schemas.strkey import decode_account_id, decode_seed, encode_account_id
from streams.herder.herder import Herder
from streams.herder.lanes import Lane
from streams.herder.offsets import Offsets
from streams.herder.outputs import Commit
from streams.herder.proofs import Proofs
from streams.herder.signature_work import SignatureJob
from streams.herder.simulator import Simulator
from streams.kill_points import kill_points
from streams.ledger.chain import ChainPosition
from streams.ledger.close import Ledger
from streams.ledger.errors import InvariantViolation
from streams.ledger.genesis import GENESIS_SEQUENCE, decode_genesis, open_genesis
from streams.node import rejoin
from streams.node.archive_reader import ArchiveReader
from streams.node.archiver import Archiver
from streams.node.ballot_box import BallotBox
from streams.node.config import CoreSettings, OverlaySettings, PeerSettings
from streams.node.inbox import Inbox
from streams.node.ingest import Ingest
from streams.node.metrics import Metrics
from streams.node.overlay.interface import Address, OverlayConfig
from streams.node.overlay.overlay import Overlay
from streams.node.parts import Parts
from streams.node.past_ledgers import PastLedgers
from streams.node.peers import Peers
from streams.node.performer import Performer
from streams.node.private_http import PrivateHttp
from streams.node.publisher import Publisher
from streams.node.rejections import Rejections
from streams.node.status import Status
from streams.node.store import Store
from streams.node.store_thread import StoreThread
from streams.node.verification import VerificationPool

WORK = "streams.herder.signature_work:find_false_signatures"

log = structlog.get_logger()


class UnusableStore(Exception):
    """The database belongs to another network, or the genesis file changed."""


class Node:
    """All parts of one running node."""

    def __init__(
        self, settings: CoreSettings, store: Store, ledger: Ledger, genesis: ChainPosition
    ) -> None:
        self.settings = settings
        self.store = StoreThread(store)
        self.metrics = Metrics()
        self.inbox = Inbox()
        self.offsets = Offsets()
        self.proofs = Proofs(ledger)
        self.simulator = Simulator(ledger)
        signing_key = SigningKey(decode_seed(settings.seed_file.read_text().strip()))
        self.herder = Herder(ledger, signing_key, settings.transactions_max, settings.is_flooding)
        self.pool: VerificationPool[SignatureJob, bytes | None] = VerificationPool(
            WORK, settings.workers
        )
        past = PastLedgers(self.store, settings.archive, genesis)
        self.publisher = Publisher(settings.kafka, settings.name, past.load)
        self.rejections = Rejections(ledger, self.offsets, self.publisher, self.metrics)
        self.ingest = Ingest(
            self.herder,
            self.inbox,
            self.pool,
            self.offsets,
            self.rejections,
            self.metrics,
            settings.transactions_max,
        )
        self.peers = Peers(
            _get_names(settings.overlay.peers),
            self.herder,
            self.inbox,
            self.ingest,
            self.store,
            send=self._send,
            archive=None if settings.archive is None else settings.archive.bucket.name,
        )
        config = make_overlay_config(settings.overlay, self.herder.network_id, signing_key)
        self.overlay = Overlay(config, self.peers)
        self.archiver = Archiver(settings, self.metrics)
        self.archive_reader = ArchiveReader(settings.archive, self.herder, self.inbox, genesis)
        self.performer = self._make_performer()
        self.status = self._make_status()

    def _make_status(self) -> Status:
        return Status(
            self.settings.name,
            self.herder,
            self.peers,
            self.ingest,
            self.publisher,
            self.performer,
            self.archiver,
            self.archive_reader,
        )

    def _make_performer(self) -> Performer:
        return Performer(
            self.herder,
            self.inbox,
            store=self.store,
            offsets=self.offsets,
            proofs=self.proofs,
            publisher=self.publisher,
            overlay=self.overlay,
            rejections=self.rejections,
            metrics=self.metrics,
            archiver=self.archiver,
            archive_reader=self.archive_reader,
        )

    def _send(self, peer: PublicKey, lane: Lane, payload: bytes) -> None:
        """The overlay's, which is made with the peers that use this."""
        self.overlay.send(peer, lane, payload)

    def _set_peers(self, peers: tuple[PeerSettings, ...]) -> None:
        """From now on, without a restart. Raises ValueError."""
        self.overlay.set_peers(_get_addresses(peers))
        self.peers.names = _get_names(peers)

    async def run(self) -> None:
        """Runs until it is asked to stop. Whatever part fails, fails the node."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        restored = await self.store.run(self.store.store.load_restored)
        starts = await self.store.run(self.store.store.load_offsets)
        await self.pool.start()
        await self.overlay.start()
        token = self.settings.http.token_file.read_text().strip()
        ballot_box = BallotBox(self.herder, self.inbox, self.store)
        http = PrivateHttp(
            token,
            self.proofs,
            self.simulator,
            self.metrics,
            self.status.get,
            ballot_box,
            self._set_peers,
        )
        server = http.make_server(self.settings.http.listen)
        self.inbox.put(lambda now_ms: self.herder.start(restored, now_ms))
        parts = Parts(
            herder=self.performer.run(),
            publisher=self.publisher.run(),
            ingest=self.ingest.follow(self.settings.kafka, starts),
            overlay=self.overlay.wait(),
            http=server.serve(),
            archiver=self.archiver.run(),
            archive_reader=self.archive_reader.run(),
        )
        try:
            await parts.wait(stop)
        finally:
            server.should_exit = True
            await parts.stop(but="http")
            await self._close()

    async def _close(self) -> None:
        await self.overlay.close()
        await self.pool.close()
        await asyncio.to_thread(self.publisher.flush)
        self.store.close()


def _get_names(peers: Iterable[PeerSettings]) -> Mapping[PublicKey, str]:
    return {PublicKey(decode_account_id(peer.node_id)): peer.name for peer in peers}


def _get_addresses(peers: Iterable[PeerSettings]) -> Mapping[PublicKey, Address | None]:
    return {PublicKey(decode_account_id(peer.node_id)): _split(peer.address) for peer in peers}


def make_overlay_config(
    overlay: OverlaySettings, network_id: bytes, signing_key: SigningKey
) -> OverlayConfig:
    host, port = _split(overlay.listen)
    return OverlayConfig(
        network_id=network_id,
        signing_key=signing_key,
        peers=_get_addresses(overlay.peers),
        listen_host=host,
        listen_port=port,
    )


def open_store(settings: CoreSettings) -> tuple[Store, Ledger, ChainPosition]:
    """The database with the last ledger, or with the genesis if it was empty; and where the chain
    stands after the genesis."""
    opened = open_genesis(decode_genesis(settings.genesis_file.read_bytes()))
    store = Store(settings.database.url.reveal())
    if store.is_empty():
        ledger = opened.ledger
        commit = Commit(opened.closed, None, Certificate(()))
        store.commit(commit, {})
        return store, ledger, opened.position
    ledger = store.load_ledger()
    genesis_hash = store.load_genesis_hash()
    if genesis_hash != opened.closed.header_hash:
        raise UnusableStore(
            f"the database was begun with the genesis {genesis_hash.hex()}, the genesis file gives "
            f"{opened.closed.header_hash.hex()}: use that file, or an empty database"
        )
    return store, ledger, opened.position


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
    store, ledger, genesis = open_store(settings)
    if ledger.header.sequence == GENESIS_SEQUENCE and settings.archive is not None:
        ledger = rejoin.begin(store, ledger, settings.archive)
    log.info("started", sequence=ledger.header.sequence, entries=len(ledger.state.encoded))
    gc.collect()
    gc.freeze()  # the state stays: spare the collector from looking at it again and again
    gc.set_threshold(50_000, 20, 50)

    async def main() -> None:
        node = Node(settings, store, ledger, genesis)
        log.info("node", node_id=encode_account_id(node.herder.agreement.node_id))
        await node.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


def _split(address: str) -> Address:
    host, _, port = address.rpartition(":")
    return host, int(port)

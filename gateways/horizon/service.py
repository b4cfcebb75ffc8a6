"""What a Horizon gateway is made of. Handlers reach everything through it."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gateways.horizon import progress
from gateways.horizon.contract_types import make_schemas
from gateways.horizon.core import CoreClient
from gateways.horizon.database import Database, PointQuery
from gateways.horizon.health import ViewHealth, make_health, make_ready
from gateways.horizon.metrics import HorizonMetrics
from gateways.horizon.progress import PROGRESS, ProgressWatch
from gateways.horizon.scales import ScaleCache
from gateways.horizon.settings import HorizonGatewaySettings
from gateways.http import listener
from gateways.http.listener import Listener
from gateways.http.rendered import RenderedRows
from gateways.http.routes import Route
from gateways.http.service import GatewayService
from gateways.http.sse import EventStreams
from gateways.ingest import IngestProducer
from schemas.codec import decode
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import NetworkSettings, Validators
from schemas.generated.keys import NETWORK_SETTINGS, VALIDATORS
from schemas.generated.ledger import LedgerEntry
from streams.consensus.quorum_set import get_nodes
from streams.ledger.admission import Candidate
from streams.ledger.genesis import decode_genesis, open_genesis

LEDGER_CHANNEL, REJECTION_CHANNEL = "horizon_ledger", "horizon_rejection"
RECENT_MAX = 50_000
ENTRY = PointQuery("select key, entry from horizon.entries where key = any(%s)")


class Horizon(GatewayService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "Horizon"
    description = (
        "Amounts are decimal strings, ids and sequences are strings, times are UTC. Every answer "
        "from the views names its ledger in the header Latest-Ledger."
    )
    signers = "by a signer of the owner's account, or one whose roles allow this read"
    response_headers = ("latest-ledger",)
    metrics: HorizonMetrics

    def __init__(self, settings: HorizonGatewaySettings, routes: Sequence[Route]) -> None:
        metrics = HorizonMetrics()
        super().__init__(settings, routes, settings.limits.get_rate_classes(), metrics)
        self.settings = settings
        self.genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        opened = open_genesis(self.genesis)
        self.network_id = opened.closed.header.network_id
        self.genesis_hash = opened.closed.header_hash
        self.genesis_settings = opened.ledger.state.get_network_settings()
        self.genesis_quorum_set = opened.ledger.state.get_validators().quorum_set
        url = settings.database.url.reveal()
        self.database = Database(url, PROGRESS)
        self.listener = Listener(url, (LEDGER_CHANNEL, REJECTION_CHANNEL))
        self.ledger_channel = self.listener.channels[LEDGER_CHANNEL]
        self.rejection_channel = self.listener.channels[REJECTION_CHANNEL]
        heartbeat_seconds = self.genesis_settings.heartbeat_ms / 1000
        self.progress = ProgressWatch(
            self.database, self.ledger_channel, metrics, heartbeat_seconds
        )
        listening = self.background.add("listen", self.listener.listen, listener.PAUSE_SECONDS)
        self.listener.on_listening = listening.succeed
        self.background.add("watch-progress", self.progress.look, progress.PAUSE_SECONDS)
        self.event_streams = EventStreams(
            settings.streams_max, settings.streams_per_client_max, metrics
        )
        self.core = CoreClient(settings.core.url, settings.core.token_file)
        self.producer = IngestProducer(settings.kafka, settings.ingest_topic)
        self.scales = ScaleCache(self.database)
        self.rendered = RenderedRows()
        self.recent: dict[bytes, tuple[bytes, int]] = {}

    async def start(self) -> None:
        await self.database.start()
        await super().start()

    async def stop(self) -> None:
        await super().stop()
        await self.core.stop()
        await asyncio.to_thread(self.producer.close)
        await self.database.stop()

    def get_schemas(self) -> Mapping[str, Any]:
        return make_schemas()

    def get_health(self) -> ViewHealth:
        return make_health(self.progress, self.background)

    def get_ready(self) -> ViewHealth:
        return make_ready(self.progress, self.background)

    async def get_network(self) -> tuple[NetworkSettings, QuorumSet]:
        """Settings and quorum set in force in the views."""
        snapshot = await self.database.get_points((ENTRY, NETWORK_SETTINGS), (ENTRY, VALIDATORS))
        entries = [decode(LedgerEntry, r.entry).data for rows in snapshot.rows for r in rows]
        settings, quorum_set = self.genesis_settings, self.genesis_quorum_set
        for entry in entries:
            if isinstance(entry, NetworkSettings):
                settings = entry
            if isinstance(entry, Validators):
                quorum_set = entry.quorum_set
        return settings, quorum_set

    async def get_rejections_needed(self) -> int:
        """How many nodes' rejections are those of most validators."""
        _, quorum_set = await self.get_network()
        return len(get_nodes(quorum_set)) // 2 + 1

    async def produce(self, candidate: Candidate) -> None:
        """Returns when the envelope is durable. Raises IngestError.

        `recent` helps clients that ask for the status without the address they were given.
        """
        transaction = candidate.transaction
        await asyncio.wrap_future(
            self.producer.produce(candidate.envelope, transaction.source_account)
        )
        while len(self.recent) >= RECENT_MAX:
            del self.recent[next(iter(self.recent))]
        known = (candidate.envelope_hash, transaction.max_time_ms)
        self.recent[candidate.transaction_hash] = known

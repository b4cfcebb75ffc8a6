"""What one Horizon gateway is made of, and its life. Handlers reach everything through it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from gateways.horizon import queries
from gateways.horizon.core import CoreClient
from gateways.horizon.database import Database, PointQuery
from gateways.horizon.health import ViewHealth, make_health, make_ready
from gateways.horizon.progress import ProgressWatch
from gateways.horizon.render import Scales, find_balances
from gateways.horizon.settings import HorizonGatewaySettings
from gateways.http.authentication import Authenticator
from gateways.http.listener import Listener
from gateways.http.metrics import Metrics
from gateways.http.nonces import Nonces
from gateways.http.rate_limits import RateLimits
from gateways.http.rendered import RenderedRows
from gateways.http.routes import Route
from gateways.http.sse import EventStreams
from gateways.http.store import Store
from gateways.ingest import IngestProducer
from schemas.codec import decode
from schemas.generated.consensus import QuorumSet
from schemas.generated.ledger import LedgerEntry, NetworkSettings, Validators
from streams.consensus.quorum_set import get_nodes
from streams.ledger.admission import Candidate
from streams.ledger.genesis import decode_genesis, open_genesis
from streams.ledger.keys import NETWORK_SETTINGS, VALIDATORS

LEDGER_CHANNEL, REJECTION_CHANNEL = "horizon_ledger", "horizon_rejection"
KNOWN_BALANCES_MAX = 200_000
RECENT_MAX = 50_000


class Horizon:
    """Made once a process. Nothing is contacted before `start`."""

    title = "Horizon"

    def __init__(self, settings: HorizonGatewaySettings, routes: Sequence[Route]) -> None:
        self.settings = settings
        self.routes = routes
        self.metrics = Metrics()
        self.genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        opened = open_genesis(self.genesis)
        self.network_id = opened.closed.header.network_id
        self.genesis_hash = opened.closed.header_hash
        self.genesis_settings = opened.ledger.state.get_settings()
        self.master = self.genesis_settings.master_account
        self.genesis_quorum_set = opened.ledger.state.get_validators().quorum_set
        url = settings.database.url.reveal()
        self.database = Database(url, queries.PROGRESS)
        self.store = Store(settings.store.url.reveal())
        self.nonces = Nonces(self.store)
        limits = settings.limits
        self.rates = RateLimits(
            {"reads": limits.reads, "submissions": limits.submissions}, self.store
        )
        self.authenticator = Authenticator(settings.public_url, self.nonces)
        self.listener = Listener(url, (LEDGER_CHANNEL, REJECTION_CHANNEL))
        self.ledger_channel = self.listener.channels[LEDGER_CHANNEL]
        self.rejection_channel = self.listener.channels[REJECTION_CHANNEL]
        heartbeat_seconds = self.genesis_settings.heartbeat_ms / 1000
        self.progress = ProgressWatch(
            self.database, self.ledger_channel, self.metrics, heartbeat_seconds
        )
        self.streams = EventStreams(
            settings.streams_max, settings.streams_per_client_max, self.metrics
        )
        self.core = CoreClient(settings.core.url, settings.core.token_file)
        self.producer = IngestProducer(settings.kafka, settings.ingest_topic)
        self.scales = Scales()
        self.rendered = RenderedRows()
        self.pages: dict[str, bytes] = {}
        self.recent: dict[bytes, tuple[bytes, int]] = {}

    @asynccontextmanager
    async def run(self, _: Starlette) -> AsyncIterator[None]:
        """The life of the application."""
        await self.database.start()
        await self.store.start()
        self.nonces.start()
        self.rates.start()
        self.listener.start()
        self.progress.start()
        try:
            yield
        finally:
            await self.progress.stop()
            await self.listener.stop()
            await self.rates.stop()
            await self.nonces.stop()
            await self.store.stop()
            await self.core.stop()
            await asyncio.to_thread(self.producer.close)
            await self.database.stop()

    def get_health(self) -> ViewHealth:
        return make_health(self.progress)

    def get_ready(self) -> ViewHealth:
        return make_ready(self.progress)

    async def get_scales(self, assets: Iterable[str], values: Iterable[Any] = ()) -> Scales:
        """Knows the decimals of `assets`, and of all amounts in `values` that have an asset."""
        known = self.scales
        if len(known.assets) > KNOWN_BALANCES_MAX:
            known.assets.clear()
        balances = {each for value in values for each in find_balances(value)}
        wanted: list[tuple[PointQuery, Any]] = [
            *((queries.ASSET_DIGITS, each) for each in set(assets) - known.digits.keys()),
            *((queries.BALANCE_ASSET, each) for each in balances - known.assets.keys()),
        ]
        if wanted:
            snapshot = await self.database.get_points(*wanted)
            for row in (row for rows in snapshot.rows for row in rows):
                known.digits[row.asset] = row.trailing_digits
                if isinstance(row.key, bytes):
                    known.assets[row.key] = row.asset
        return known

    async def get_network(self) -> tuple[NetworkSettings, QuorumSet]:
        """Settings and quorum set in force in the views."""
        snapshot = await self.database.get_points(
            (queries.ENTRY, NETWORK_SETTINGS), (queries.ENTRY, VALIDATORS)
        )
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

        `recent` is a kindness to who asks for its status without the address he was given.
        """
        transaction = candidate.transaction
        await asyncio.wrap_future(
            self.producer.produce(candidate.envelope, transaction.source_account)
        )
        while len(self.recent) >= RECENT_MAX:
            del self.recent[next(iter(self.recent))]
        known = (candidate.envelope_hash, transaction.max_time_ms)
        self.recent[candidate.transaction_hash] = known

"""What an API gateway is made of. Handlers reach everything through it."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
from nacl.signing import SigningKey

from gateways.api.collector import PAUSE_SECONDS as COLLECTOR_SECONDS
from gateways.api.collector import Collector
from gateways.api.columns import COLUMNS
from gateways.api.eraser import PAUSE_SECONDS as ERASER_SECONDS
from gateways.api.eraser import Eraser
from gateways.api.expiries import PAUSE_SECONDS as EXPIRIES_SECONDS
from gateways.api.expiries import Expiries
from gateways.api.kyc_events import PAUSE_SECONDS as EVENTS_SECONDS
from gateways.api.kyc_events import EventPublisher
from gateways.api.ledger import LedgerReader
from gateways.api.objects import Objects
from gateways.api.payout_releases import PayoutReleases
from gateways.api.private_http import PrivateHttp
from gateways.api.problems import CASES_UNAVAILABLE
from gateways.api.registrar import PAUSE_SECONDS as REGISTRAR_SECONDS
from gateways.api.registrar import Registrar
from gateways.api.settings import ApiGatewaySettings
from gateways.http.metrics import Metrics
from gateways.http.routes import Route
from gateways.http.store import Store
from gateways.identity.outbox import PAUSE_SECONDS as OUTBOX_SECONDS
from gateways.identity.outbox import Destination, Outbox
from gateways.sealing.service import SealedService
from processors.kyc.producer import EventProducer
from schemas.generated.common import Hash
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.genesis import decode_genesis
from streams.ledger.hashes import compute_network_id

NAME = "api"
CASE_CONNECTIONS = 2
CHECK_SECONDS, PRUNE_SECONDS = 60.0, 300.0
PRUNE = (
    "delete from api.phone_codes where expires_at < now()",
    "delete from api.accesses where at < now() - interval '400 days'",
)


class Api(SealedService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "API"
    description = (
        "Who holds which account, by e-mail or phone; data of projects; settings of people. Ids "
        "and numbers of the ledger are strings, times are UTC. Addresses travel in bodies alone."
    )
    schema = NAME
    wrapped = COLUMNS
    signers = "by a signer of the account in the path, or one whose roles make it an administrator"

    def __init__(self, settings: ApiGatewaySettings, routes: Sequence[Route]) -> None:
        rate_classes = settings.limits.get_rate_classes()
        super().__init__(settings, settings.kek, routes, rate_classes, Metrics())
        self.settings = settings
        genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        self.network_id = Hash(compute_network_id(genesis.network_passphrase))
        self.operator_account = genesis.master.account
        key = SigningKey(decode_seed(settings.registrar_seed.reveal()))
        self.ledger = LedgerReader(settings.horizon, key)
        operator = decode_account_id(self.operator_account)
        self.registrar = Registrar(self.store, self.ledger, key, self.network_id, operator)
        self.objects = Objects(settings.documents, settings.documents_url)
        self.http = httpx2.AsyncClient(timeout=5.0, trust_env=False)
        urls = settings.notificators.urls
        destination = Destination(settings.kafka, settings.notifications_topic, urls)
        self.outbox = Outbox(NAME, self.store, self.keks, self.http, destination)
        self.cases: Store | None = None
        if settings.cases is not None:
            url = settings.cases.url.reveal()
            self.cases = Store(url, CASE_CONNECTIONS, CASES_UNAVAILABLE)
        expiries = Expiries(self.store, self.cases, self.keks, self.outbox)
        self.background.add("remind-of-expiries", expiries.remind, EXPIRIES_SECONDS)
        self.kyc_events = EventPublisher(self.store, settings.kafka, settings.kyc_topic)
        self.background.add("publish-kyc-events", self.kyc_events.publish, EVENTS_SECONDS)
        self.callbacks = EventProducer(settings.kafka, settings.callbacks_topic)
        self.called_at_ms: dict[str, int] = {}
        self.eraser = Eraser(
            self.store, self.objects, self.http, key, settings.erasure, settings.notificators
        )
        self.background.add("erase", self.eraser.work, ERASER_SECONDS)
        private = settings.private
        releases = PayoutReleases(private.payout_token, self.store, self.keks)
        token = private.token.reveal()
        self._private = PrivateHttp(token, self.store, self.ledger, self.keks, releases)
        self.background.add("check-keys", self.check_keys, CHECK_SECONDS)
        self.background.add("register", self.registrar.work, REGISTRAR_SECONDS)
        self.background.add("publish-messages", self.outbox.publish, OUTBOX_SECONDS)
        self.collector = Collector(self.store, self.objects)
        self.background.add("collect-uploads", self.collector.collect, COLLECTOR_SECONDS)
        self.background.add("prune-people", self.prune, PRUNE_SECONDS)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def start(self) -> None:
        await self.ledger.start()
        if self.cases is not None:
            await self.cases.start()
        await self._private.start(self.settings.private.listen)
        await super().start()

    async def stop(self) -> None:
        await self._private.stop()
        await super().stop()
        if self.cases is not None:
            await self.cases.stop()
        await self.http.aclose()
        await self.ledger.stop()
        await asyncio.to_thread(self.outbox.close)
        await asyncio.to_thread(self.kyc_events.close)
        await asyncio.to_thread(self.callbacks.close)
        self.objects.close()

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        for statement in PRUNE:
            await self.store.execute(statement)

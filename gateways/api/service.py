"""What an API gateway is made of. Handlers reach everything through it."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import httpx2
from nacl.signing import SigningKey

from gateways.api.collector import PAUSE_SECONDS as COLLECTOR_SECONDS
from gateways.api.collector import Collector
from gateways.api.documents import Documents
from gateways.api.ledger import LedgerReader
from gateways.api.private_http import PrivateHttp
from gateways.api.registrar import PAUSE_SECONDS as REGISTRAR_SECONDS
from gateways.api.registrar import Registrar
from gateways.api.settings import ApiGatewaySettings
from gateways.http.metrics import Metrics
from gateways.http.problems import Problem
from gateways.http.routes import Route
from gateways.http.service import GatewayService, Health
from gateways.identity.outbox import PAUSE_SECONDS as OUTBOX_SECONDS
from gateways.identity.outbox import Destination, Outbox
from gateways.sealing.keks import KekError, Unopenable
from gateways.sealing.settings import open_keks
from schemas.generated.common import Hash
from schemas.strkey import decode_account_id, decode_seed
from streams.ledger.genesis import decode_genesis
from streams.ledger.hashes import compute_network_id

NAME = "api"
KEY_CHECK = "check"
CHECK_SECONDS, PRUNE_SECONDS = 60.0, 300.0
INSERT_CHECK = "insert into api.keys values ('check', %s) on conflict do nothing"
READ_CHECK = "select content from api.keys where name = 'check'"
PRUNE = (
    "delete from api.phone_codes where expires_at < now()",
    "delete from api.accesses where at < now() - interval '400 days'",
)


class Api(GatewayService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "API"
    description = (
        "Who holds which account, by e-mail or phone; data of projects; settings of people. Ids "
        "and numbers of the ledger are strings, times are UTC. Addresses travel in bodies alone."
    )
    signers = "by a signer of the account in the path, or one whose roles make it an administrator"

    def __init__(self, settings: ApiGatewaySettings, routes: Sequence[Route]) -> None:
        super().__init__(settings, routes, settings.limits.get_rate_classes(), Metrics())
        self.settings = settings
        genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        self.network_id = Hash(compute_network_id(genesis.network_passphrase))
        self.operator_account = genesis.master.account
        self.keks = open_keks(settings.kek)
        key = SigningKey(decode_seed(settings.registrar_seed.reveal()))
        self.ledger = LedgerReader(settings.horizon, key)
        operator = decode_account_id(self.operator_account)
        self.registrar = Registrar(self.store, self.ledger, key, self.network_id, operator)
        self.documents = Documents(settings.documents, settings.documents_url)
        self.http = httpx2.AsyncClient(timeout=5.0, trust_env=False)
        urls = settings.notificators.urls
        destination = Destination(settings.kafka, settings.notifications_topic, urls)
        self.outbox = Outbox(NAME, self.store, self.keks, self.http, destination)
        token = settings.private.token.reveal()
        self._private = PrivateHttp(token, self.store, self.ledger, self.keks)
        self.key_problem: str | None = "the key-encryption keys are not checked yet"
        self.background.add("check-keys", self.check_keys, CHECK_SECONDS)
        self.background.add("register", self.registrar.work, REGISTRAR_SECONDS)
        self.background.add("publish-messages", self.outbox.publish, OUTBOX_SECONDS)
        self.collector = Collector(self.store, self.documents)
        self.background.add("collect-uploads", self.collector.collect, COLLECTOR_SECONDS)
        self.background.add("prune-people", self.prune, PRUNE_SECONDS)

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    async def start(self) -> None:
        await self.ledger.start()
        await self._private.start(self.settings.private.listen)
        await super().start()

    async def stop(self) -> None:
        await self._private.stop()
        await super().stop()
        await self.http.aclose()
        await self.ledger.stop()
        await asyncio.to_thread(self.outbox.close)
        self.documents.close()

    def get_ready(self) -> Health:
        """Not before the keys are known to be those of the database."""
        health = super().get_ready()
        if self.key_problem is None:
            return health
        return Health("not ready", self.key_problem, health.failing_tasks)

    def get_health(self) -> Health:
        health = super().get_health()
        if self.key_problem is None or health.problem is not None:
            return health
        return Health("red", self.key_problem, health.failing_tasks)

    async def check_keys(self) -> None:
        """Whether these keys open what the database holds. Raises Problem, KekError."""
        try:
            self.keks.refresh()
            await self.store.execute(INSERT_CHECK, (self.keks.wrap(b"tokend", KEY_CHECK),))
            ((content,),) = await self.store.execute(READ_CHECK)
            self.keks.unwrap(content, KEY_CHECK)
        except Unopenable:
            self.key_problem = (
                "the key-encryption keys are not those of this database: put its own back"
            )
            raise KekError(self.key_problem) from None
        except Problem as problem:
            if self.key_problem is not None:
                self.key_problem = problem.detail
            raise
        self.key_problem = None

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        for statement in PRUNE:
            await self.store.execute(statement)

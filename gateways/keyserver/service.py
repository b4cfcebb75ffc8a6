"""What a KeyServer is made of. Handlers reach everything through it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx2
from nacl.signing import SigningKey
from nacl.utils import random

from gateways.http.metrics import Metrics
from gateways.http.problems import Problem
from gateways.http.routes import Route
from gateways.http.service import GatewayService, Health
from gateways.identity.outbox import PAUSE_SECONDS as OUTBOX_SECONDS
from gateways.identity.outbox import Destination, Outbox
from gateways.keyserver.ledger import LedgerView
from gateways.keyserver.names import name_verifier
from gateways.keyserver.rewrapping import rewrap
from gateways.keyserver.settings import KeyServerSettings
from gateways.sealing.keks import KekError, Unopenable
from gateways.sealing.settings import open_keks
from schemas.generated.common import PublicKey
from streams.ledger.genesis import decode_genesis, open_genesis

SCHEMA = "keyserver"
KEY_CHECK = "check"
CHECK_SECONDS = 60.0
PRUNE_SECONDS = 300.0
INSERT_CHECK = "insert into keyserver.keys values ('check', %s) on conflict do nothing"
READ_CHECK = "select content from keyserver.keys where name = 'check'"
PRUNE = (
    "delete from keyserver.signups where expires_at < now()",
    "delete from keyserver.email_changes where expires_at < now()",
    "delete from keyserver.lanes where expires_at < now()",
    "delete from keyserver.history where at < now() - interval '90 days'",
    "update keyserver.wallets set enrolment = null, enrolled_until = null"
    " where enrolled_until < now()",
)


class KeyServer(GatewayService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "KeyServer"
    description = (
        "Keeps people's keys, encrypted by their own devices, and gives them to whoever proves the "
        "secret. Bytes are base64, times are UTC. E-mail addresses travel in bodies alone."
    )
    signers = "by the key that the route names"
    store_connections = 8  # an unlock waits for two commits

    def __init__(self, settings: KeyServerSettings, routes: Sequence[Route]) -> None:
        self.keks = open_keks(settings.kek)
        super().__init__(settings, routes, settings.limits.get_rate_classes(), Metrics())
        self.settings = settings
        genesis = decode_genesis(Path(settings.genesis_file).read_bytes())
        self.network_id = open_genesis(genesis).closed.header.network_id
        self.statement_key = SigningKey(bytes.fromhex(settings.statement_key.reveal()))
        self.http = httpx2.AsyncClient(timeout=5.0, trust_env=False)
        self.ledger = LedgerView(settings.horizons, self.http)
        topic, notificators = settings.notifications_topic, settings.notificators
        destination = Destination(settings.kafka, topic, notificators)
        self.outbox = Outbox(SCHEMA, self.store, self.keks, self.http, destination)
        self.nobody = uuid4()
        """The entry of addresses without a wallet: its verifier is as much work as any other."""
        self.nobodys_verifier = self.keks.wrap(random(32), name_verifier(self.nobody))
        self.key_problem: str | None = "the key-encryption keys are not checked yet"
        self.background.add("check-keys", self.check_keys, CHECK_SECONDS)
        self.background.add("publish-messages", self.outbox.publish, OUTBOX_SECONDS)
        self.background.add("prune-wallets", self.prune, PRUNE_SECONDS)

    def conceal(self, signer: PublicKey) -> bytes:
        """Keys that sign unlocks prove secrets: whoever has one could try passwords."""
        return self.keks.compute_lookup("nonce", signer)

    async def stop(self) -> None:
        await super().stop()
        await self.http.aclose()
        await asyncio.to_thread(self.outbox.close)

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
        await rewrap(self.store, self.keks)

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        for statement in PRUNE:
            await self.store.execute(statement)

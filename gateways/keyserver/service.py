"""What a KeyServer is made of. Handlers reach everything through it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

import httpx2
from nacl.signing import SigningKey
from nacl.utils import random

from gateways.http.metrics import Metrics
from gateways.http.routes import Route
from gateways.identity.outbox import PAUSE_SECONDS as OUTBOX_SECONDS
from gateways.identity.outbox import Destination, Outbox
from gateways.keyserver.columns import COLUMNS
from gateways.keyserver.ledger import LedgerView
from gateways.keyserver.names import name_verifier
from gateways.keyserver.settings import KeyServerSettings
from gateways.sealing.service import SealedService
from schemas.generated.common import PublicKey
from streams.ledger.genesis import decode_genesis, open_genesis

SCHEMA = "keyserver"
CHECK_SECONDS = 60.0
PRUNE_SECONDS = 300.0
PRUNE = (
    "delete from keyserver.signups where expires_at < now()",
    "delete from keyserver.email_changes where expires_at < now()",
    "delete from keyserver.lanes where expires_at < now()",
    "delete from keyserver.history where at < now() - interval '90 days'",
    "update keyserver.wallets set enrolment = null, enrolled_until = null"
    " where enrolled_until < now()",
)


class KeyServer(SealedService):
    """Made once per process. Nothing is contacted before `start`."""

    title = "KeyServer"
    description = (
        "Keeps people's keys, encrypted by their own devices, and gives them to whoever proves the "
        "secret. Bytes are base64, times are UTC. E-mail addresses travel in bodies alone."
    )
    signers = "by the key that the route names"
    schema = SCHEMA
    wrapped = COLUMNS
    store_connections = 8  # an unlock waits for two commits

    def __init__(self, settings: KeyServerSettings, routes: Sequence[Route]) -> None:
        rate_classes = settings.limits.get_rate_classes()
        super().__init__(settings, settings.kek, routes, rate_classes, Metrics())
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
        self.nobodys_verifier = self._make_verifier()
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

    async def rewrap(self) -> None:
        await super().rewrap()
        self.nobodys_verifier = self._make_verifier()

    def _make_verifier(self) -> bytes:
        return self.keks.wrap(random(32), name_verifier(self.nobody))

    async def prune(self) -> None:
        """Deletes what is over. Raises Problem."""
        for statement in PRUNE:
            await self.store.execute(statement)

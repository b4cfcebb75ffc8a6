"""What every gateway is made of. A gateway derives its own service, which its handlers reach."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from starlette.applications import Starlette

from gateways.http.authentication import Authenticator
from gateways.http.background import BackgroundTasks
from gateways.http.idempotency import PRUNE_SECONDS as IDEMPOTENCY_SECONDS
from gateways.http.idempotency import Idempotency
from gateways.http.metrics import Metrics
from gateways.http.nonces import PRUNE_SECONDS as NONCE_SECONDS
from gateways.http.nonces import Nonces
from gateways.http.rate_limits import MERGE_SECONDS, PRUNE_SECONDS, RateClass, RateLimits
from gateways.http.routes import Route
from gateways.http.settings import GatewaySettings
from gateways.http.store import CONNECTIONS_MAX, Store
from gateways.http.strict_counters import PRUNE_SECONDS as STRICT_SECONDS
from gateways.http.strict_counters import StrictCounters
from schemas.generated.common import PublicKey


class Health(msgspec.Struct, frozen=True):
    """Whether the gateway does its work. `problem` says why not, and is null when all is well.

    A gateway may derive a type with further fields. /health and /ready answer the same type.
    """

    status: str
    problem: str | None
    failing_tasks: dict[str, str]  # background tasks that fail now, and why


class GatewayService:
    """Made once per process. Nothing is contacted before `start`."""

    title = "Gateway"
    description = ""  # of the API, for its readers
    signers = "by the key that the route belongs to"  # who may sign for private routes
    store_connections = CONNECTIONS_MAX  # to its own database
    response_headers: Sequence[str] = ()  # of this gateway, which pages of other origins may see

    def __init__(
        self,
        settings: GatewaySettings,
        routes: Sequence[Route],
        rate_classes: Iterable[RateClass],
        metrics: Metrics,
    ) -> None:
        self.routes = routes
        self.metrics = metrics
        self.public_url = settings.public_url.rstrip("/")
        self.limits = settings.limits
        self.cors = settings.cors
        self.store = Store(settings.store.url.reveal(), self.store_connections)
        self.nonces = Nonces(self.store, self.conceal)
        self.idempotency = Idempotency(self.store, settings.limits.answer_seconds)
        self.strict_counters = StrictCounters(self.store)
        self.rate_limits = RateLimits(rate_classes, self.store)
        self.authenticator = Authenticator(settings.public_url, self.nonces)
        self.pages: dict[str, bytes] = {}  # that are made once
        self.background = BackgroundTasks(metrics)
        self.background.add("share-rates", self.rate_limits.merge, MERGE_SECONDS)
        self.background.add("prune-rates", self.rate_limits.prune, PRUNE_SECONDS)
        self.background.add("prune-nonces", self.nonces.prune, NONCE_SECONDS)
        self.background.add("prune-answers", self.idempotency.prune, IDEMPOTENCY_SECONDS)
        self.background.add("prune-tries", self.strict_counters.prune, STRICT_SECONDS)

    async def start(self) -> None:
        """Returns at once. What cannot be reached yet is tried again in the background."""
        await self.store.start()
        self.background.start()

    async def stop(self) -> None:
        await self.background.stop()
        await self.store.stop()

    @asynccontextmanager
    async def run(self, _: Starlette) -> AsyncIterator[None]:
        """The life of the application."""
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    def conceal(self, signer: PublicKey) -> bytes:
        """How the database names who signed: a gateway hides keys that are secrets."""
        return signer

    def get_schemas(self) -> Mapping[str, Any]:
        """JSON Schemas by name, that types of answers refer to beside their own."""
        return {}

    def get_health(self) -> Health:
        """Whether the gateway does its work."""
        problem = self.background.get_problem()
        status = "ok" if problem is None else "red"
        return Health(status, problem, self.background.get_failures())

    def get_ready(self) -> Health:
        """Whether requests can be answered."""
        return Health("ready", None, self.background.get_failures())

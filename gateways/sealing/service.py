"""What gateways share whose databases are wrapped: keys, and whether they are the right ones."""

import time
from collections.abc import Iterable, Sequence

import msgspec

from gateways.http.metrics import Metrics
from gateways.http.problems import Problem
from gateways.http.rate_limits import RateClass
from gateways.http.routes import Route
from gateways.http.service import GatewayService, Health
from gateways.http.settings import GatewaySettings
from gateways.sealing.keks import KekError, Unopenable
from gateways.sealing.rewrapping import Column, rewrap
from gateways.sealing.settings import KekSettings, open_keks

KEY_CHECK = "check"
EPOCH_DAYS_MAX = 30
DAY_S = 86_400


class SealedHealth(Health, frozen=True):
    """`problems`: with which the gateway goes on, and of which operators are told."""

    problems: list[str] = msgspec.field(default_factory=list)


class WrongKeys(KekError):
    """The keys are not those that wrapped what is in the database."""


class SealedService(GatewayService):
    """`schema`: of its tables. `key_table`: a table of names and contents, where something known
    lies wrapped. `wrapped`: the other columns that follow a new version of the keys. `problem`: why
    it may not serve; at the beginning, because nothing was checked yet.
    """

    schema = ""
    key_table = "keys"
    wrapped: Sequence[Column] = ()
    problem: str | None = "the key-encryption keys are not checked yet"

    def __init__(
        self,
        settings: GatewaySettings,
        kek: KekSettings,
        routes: Sequence[Route],
        rate_classes: Iterable[RateClass],
        metrics: Metrics,
    ) -> None:
        self.keks = open_keks(kek)
        super().__init__(settings, routes, rate_classes, metrics)

    def get_ready(self) -> SealedHealth:
        """Not before the keys are known to be those of the database."""
        failing = super().get_ready().failing_tasks
        status = "ready" if self.problem is None else "not ready"
        return SealedHealth(status, self.problem, failing, self._find_problems())

    def get_health(self) -> SealedHealth:
        health = super().get_health()
        problem = health.problem or self.problem
        status = "ok" if problem is None else "red"
        return SealedHealth(status, problem, health.failing_tasks, self._find_problems())

    def _find_problems(self) -> list[str]:
        """Keys that wrap for too long: copies of what was erased can be read as long."""
        made = self.keks.newest_made
        days = 0 if made is None else int((time.time() - made) // DAY_S)
        if days < EPOCH_DAYS_MAX:
            return []
        return [f"the key-encryption keys {self.keks.name} are {days} days old: tokend keks turn"]

    async def check_keys(self) -> None:
        """Whether it may serve with these keys; then everything follows their newest version.
        Raises Problem, KekError."""
        try:
            await self.require_own_keys()
        except WrongKeys as error:
            self.problem = str(error)
            raise
        except Problem as problem:
            if self.problem is not None:
                self.problem = problem.detail
            raise
        self.problem = None
        await self.rewrap()

    async def require_own_keys(self) -> None:
        """Whether these keys open what the database holds. Raises Problem, KekError."""
        table = f"{self.schema}.{self.key_table}"
        insert = f"insert into {table} values ('{KEY_CHECK}', %s) on conflict do nothing"  # noqa: S608
        read = f"select content from {table} where name = '{KEY_CHECK}'"  # noqa: S608
        self.keks.refresh()
        await self.store.execute(insert, (self.keks.wrap(b"tokend", KEY_CHECK),))
        ((content,),) = await self.store.execute(read)
        try:
            self.keks.unwrap(content, KEY_CHECK)
        except Unopenable:
            text = "the key-encryption keys are not those of this database: put its own back"
            raise WrongKeys(text) from None

    async def rewrap(self) -> None:
        """By the newest version: older ones can be destroyed then. Raises Problem, Unopenable."""
        known = Column(self.key_table, "name", "content", "name")
        await rewrap(self.store, self.keks, self.schema, (*self.wrapped, known))

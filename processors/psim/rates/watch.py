"""One provider, asked by one instance again and again. Shell.

A provider that fails several times in a row is left alone for a while, then tried by one call.
"""

import asyncio
import time
from collections.abc import Callable
from fractions import Fraction

import httpx2
import structlog

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.psim.rates.agreement import Told
from processors.psim.rates.numbers import NoPrice, read_ratio
from processors.psim.rates.providers import read_answer
from processors.psim.rates.settings import ProviderSettings, make_shape

log = structlog.get_logger()
BYTES_MAX = 256 * 1024
FAILURES_MAX = 5
REST_S = 60.0
AHEAD_MAX_MS = 10_000


class ProviderWatch:
    """`is_wanted`: whether anybody needs the price of a pair. `told`: by pair, what it told last.
    `problems`: by pair, why there is nothing newer."""

    def __init__(
        self,
        settings: ProviderSettings,
        clock: Callable[[], float] = time.time,
        is_wanted: Callable[[str], bool] = lambda _: True,
        rest_s: float = REST_S,
    ) -> None:
        self.name = settings.name
        self._settings = settings
        self._shape = make_shape(settings)
        self._clock = clock
        self._is_wanted = is_wanted
        self._rest_s = rest_s
        self._client: httpx2.AsyncClient | None = None
        self._failures = 0
        self._rests_until = 0.0
        self.told: dict[str, Told] = {}
        self.problems: dict[str, str] = {}

    @property
    def pairs(self) -> frozenset[str]:
        return frozenset(self._settings.pairs)

    @property
    def is_resting(self) -> bool:
        """Whether it is left alone because it has failed so often."""
        return self._clock() < self._rests_until

    async def run(self) -> None:
        """Until cancelled."""
        timeout = self._settings.timeout_s
        async with httpx2.AsyncClient(trust_env=False, timeout=timeout) as client:
            self._client = client
            while True:
                await self.look()
                await asyncio.sleep(self._settings.period_s)

    async def look(self) -> None:
        """Asks for every pair once, unless it is left alone."""
        for pair in filter(self._is_wanted, sorted(self._settings.pairs)):
            if self.is_resting:
                return
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    content = await self._fetch(pair)
                self._note(pair, content)
            except (httpx2.HTTPError, httpx2.InvalidURL, OSError, NoPrice) as error:
                reason = str(error) if isinstance(error, NoPrice) else type(error).__name__
                self._fail(pair, reason)
            else:
                self._failures = 0
                self.problems.pop(pair, None)

    def _fail(self, pair: str, reason: str) -> None:
        if self.problems.get(pair) != reason:
            log.warning("no_price", provider=self.name, pair=pair, reason=reason)
        self.problems[pair] = reason
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            self._rests_until = self._clock() + self._rest_s

    async def _fetch(self, pair: str) -> bytes:
        settings, client = self._settings, self._client
        if client is None:
            raise NoPrice("it was not asked yet")
        key = None if settings.key is None else settings.key.reveal()
        question = self._shape.ask(settings.pairs[pair].symbol, key)
        url = self._shape.url + question.path
        async with client.stream("GET", url, headers=dict(question.headers)) as response:
            if response.status_code != httpx2.codes.OK:
                raise NoPrice(f"HTTP status {response.status_code}")
            try:
                return await read_bounded(response, BYTES_MAX)
            except AnswerTooLarge as error:
                raise NoPrice(str(error)) from None

    def _note(self, pair: str, content: bytes) -> None:
        symbol = self._settings.pairs[pair]
        answer = read_answer(self._shape.read, content, symbol.symbol)
        price = read_ratio(answer.number, is_inverted=symbol.is_inverted)
        self.take(pair, price, answer.time_ms)

    def take(self, pair: str, price: Fraction, time_ms: int | None) -> None:
        """A time that went back is as one that stands still. Raises `NoPrice` for one that is
        ahead, so that a clock which was wrong once is believed again."""
        now_ms, before = int(self._clock() * 1000), self.told.get(pair)
        if time_ms is not None and time_ms > now_ms + AHEAD_MAX_MS:
            raise NoPrice("its clock is ahead")
        first_ms = now_ms
        if before is not None and has_stood_still(time_ms, before.time_ms):
            time_ms, first_ms = before.time_ms, before.first_ms
        self.told[pair] = Told(self.name, price, time_ms, first_ms)


def has_stood_still(time_ms: int | None, before_ms: int | None) -> bool:
    """Whether a provider that tells times told no later one."""
    return time_ms is not None and before_ms is not None and time_ms <= before_ms

"""The workers: they claim messages, ask providers, and settle what came of it.

At least once: a message is sent twice only if its worker or its connection dies between the
provider's acceptance and our commit, and then only by providers that neither know its key nor can
be searched. Types marked `is_once` are shown to an operator instead.
"""

import asyncio
import random
import time
from collections.abc import Coroutine, Mapping, Sequence
from enum import Enum
from typing import Any

import structlog

from processors.notificator.channels.base import Fate, Letter, Outcome, Provider, Verdict
from processors.notificator.config import EngineSettings
from processors.notificator.decisions import (
    OPEN_MAX_S,
    Times,
    compute_delay,
    compute_open_s,
    decide,
    use_next_channel,
)
from processors.notificator.letters import Letters, NoLetter, Postponed
from processors.notificator.message_types import TYPES, Channel, MessageType
from processors.notificator.metrics import Metrics
from processors.notificator.states import Claimed, OpenAttempt, Settlement
from processors.notificator.store import Store, is_passing

log = structlog.get_logger()
CLAIM_MAX = 32
AGAIN_S = 1.0
FATE_S, FATES_MAX = 2.0, 16
PRUNE_S = 600.0
BREAKERS_S = 1.0  # for how long breakers are believed

_chance = random.Random()  # noqa: S311 - keeps no secret


class Permit(Enum):
    """Whether a provider may be asked now."""

    NONE = "its circuit is open"
    CLOSED = "its circuit is closed"
    TRIAL = "this one call tries it again"


Providers = Mapping[Channel, Sequence[Provider]]


class Engine:
    """`wake` may be called whenever there are new messages."""

    def __init__(
        self,
        store: Store,
        letters: Letters,
        providers: Providers,
        settings: EngineSettings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._letters = letters
        self._providers = providers
        self._by_name = {each.name: each for some in providers.values() for each in some}
        self._settings = settings
        self._times = Times(settings.back_off_s, settings.back_off_max_s, settings.search_s)
        self._metrics = metrics
        self._handling: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._breakers: dict[str, Any] = {}
        self._breakers_read = -BREAKERS_S

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. While the database is away it waits for it."""
        await self._repeat(lambda: self._store.take_over(is_start=True), once=True)
        await asyncio.gather(
            self._repeat(self._work),
            self._repeat(self._take_over, self._settings.lease_s / 4),
            self._repeat(self._ask_fates, FATE_S),
            self._repeat(lambda: self._store.prune(self._settings.keep_s), PRUNE_S),
        )

    async def _repeat(self, step: Any, pause_s: float = 0.0, *, once: bool = False) -> None:
        while True:
            try:
                await step()
            except Exception as error:
                if not is_passing(error):
                    raise
                log.warning("database_away", reason=type(error).__name__)
                await asyncio.sleep(AGAIN_S)
                continue
            if once:
                return
            await asyncio.sleep(pause_s)

    async def _take_over(self) -> None:
        count = await self._store.take_over()
        if count:
            log.warning("messages_taken_over", count=count)

    async def _work(self) -> None:
        """One look at the queue."""
        free = self._settings.at_once - len(self._handling)
        if free <= 0:
            await asyncio.wait(self._handling, return_when=asyncio.FIRST_COMPLETED)
            return
        self._woken.clear()
        count = min(free, CLAIM_MAX)
        claimed = await self._store.claim(count)
        for message, attempt in claimed:
            task = asyncio.create_task(self._handle(message, attempt))
            self._handling.add(task)
            task.add_done_callback(self._handling.discard)
        if len(claimed) < count:
            try:
                async with asyncio.timeout(self._settings.pause_s):
                    await self._woken.wait()
            except TimeoutError:
                return

    async def _handle(self, message: Claimed, attempt: OpenAttempt | None) -> None:
        """Whatever goes wrong with one message is its own affair."""
        try:
            await self._process(message, attempt)
        except Exception as error:
            if is_passing(error):  # its lease ends, and it is claimed again
                log.warning("database_away", reason=type(error).__name__)
                return
            log.exception("message_failed", message=message.id, type=message.type)
            tries = message.tries + 1
            delay_s = compute_delay(message.tries, self._times, _chance.random())
            state = "DEAD" if tries >= 10 else "QUEUED"
            await self._settle(message, Settlement(state, "INTERNAL", delay_s, tries=tries))

    async def _process(self, message: Claimed, attempt: OpenAttempt | None) -> None:
        row = TYPES.get(message.type)
        if row is None:
            await self._settle(message, Settlement("DEAD", "UNKNOWN_TYPE"))
            return
        if message.is_expired:
            await self._settle(message, Settlement("DEAD", "EXPIRED"))
            return
        try:
            letter = await self._letters.write(message, row)
            resolved = None
            if attempt is not None:
                resolved = await self._resolve(message, row, attempt, letter)
        except NoLetter as error:
            dead = Settlement("DEAD", error.reason)
            following = use_next_channel(message, row, error.reason)
            await self._settle(message, dead if error.is_final else following)
            return
        except Postponed as error:
            await self._settle(message, Settlement("QUEUED", error.reason, error.delay_s))
            return
        if resolved is not None:
            await self._settle(message, resolved)
            return
        await self._send(message, row, letter)

    async def _resolve(
        self, message: Claimed, row: MessageType, attempt: OpenAttempt, letter: Letter
    ) -> Settlement | None:
        """An earlier call may have been accepted: asks, where somebody can be asked. None: send."""
        provider = self._by_name.get(attempt.provider)
        if provider is not None and provider.takes_key:
            return None
        wait_s = self._settings.search_s - attempt.age_s
        found: Outcome | None = None
        if provider is not None:
            try:
                if provider.knows_fate and wait_s > 0:  # its book is written late
                    return Settlement("QUEUED", "AWAITS_SEARCH", wait_s)
                found = await self._call(provider.search(letter))
            except OSError:
                delay_s = compute_delay(message.tries, self._times, _chance.random())
                tries = message.tries + 1
                return Settlement("QUEUED", "SEARCH_FAILED", delay_s, tries=tries)
        if found is not None and found.verdict is Verdict.ACCEPTED:
            return Settlement("SENT", "FOUND", provider_id=found.provider_id)
        if row.is_once:
            return Settlement("DEAD", "AMBIGUOUS")
        await self._store.close_attempts(message.id, "repeated" if found is None else "no_trace")
        self._metrics.repeats.labels(attempt.provider).inc()
        return None

    async def _send(self, message: Claimed, row: MessageType, letter: Letter) -> None:
        """Asks the channel's providers in order until one does more than not to be there."""
        providers = self._providers.get(row.channels[message.channel], ())
        if not providers:
            await self._settle(message, use_next_channel(message, row, "NO_PROVIDER"))
            return
        outcome = Outcome(Verdict.UNAVAILABLE, "CIRCUIT_OPEN")
        ended: tuple[int, str, Outcome] | None = None
        for provider in providers:
            permit = await self._get_permit(provider.name)
            if permit is Permit.NONE:
                continue
            if ended is not None:
                await self._store.end_attempt(ended[0], outcome)
            attempt_id = await self._store.begin(message, provider.name)
            if attempt_id is None:
                return
            outcome = await self._ask(provider, letter, permit)
            ended = (attempt_id, provider.name, outcome)
            if outcome.is_address_bad:
                await self._suppress(message, provider.channel, outcome.reason)
                break
            if outcome.verdict not in (Verdict.UNAVAILABLE, Verdict.REFUSED):
                break
        settlement = decide(message, row, outcome, self._times, _chance.random())
        await self._settle(message, settlement, ended)

    async def _ask(self, provider: Provider, letter: Letter, permit: Permit) -> Outcome:
        try:
            outcome: Outcome = await self._call(provider.send(letter))
        except TimeoutError:
            outcome = Outcome(Verdict.UNKNOWN, "TIMEOUT")
        self._metrics.calls.labels(provider.name, outcome.verdict.value).inc()
        if outcome.verdict in (Verdict.ACCEPTED, Verdict.REFUSED):
            breaker = self._breakers.get(provider.name)
            if breaker is not None and (breaker.failures or breaker.is_tripped):
                await self._store.note_success(provider.name)
                self._breakers_read = -BREAKERS_S
            return outcome
        failures = await self._store.note_failure(
            provider.name, outcome.reason, is_trial=permit is Permit.TRIAL
        )
        open_s = compute_open_s(failures, outcome, _chance.random())
        if failures and open_s is not None:
            await self._store.open_circuit(provider.name, open_s)
        self._breakers_read = -BREAKERS_S
        log.warning("provider_fails", provider=provider.name, reason=outcome.reason)
        return outcome

    async def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Bounded as a whole: an answer that trickles in keeps nobody. Raises TimeoutError."""
        async with asyncio.timeout(self._settings.timeout_s):
            return await work

    async def _get_permit(self, name: str) -> Permit:
        """Whether the provider's circuit is closed, or this is the one call that tries it."""
        if time.monotonic() - self._breakers_read > BREAKERS_S:
            self._breakers = await self._store.get_breakers()
            self._breakers_read = time.monotonic()
        breaker = self._breakers.get(name)
        if breaker is None or not breaker.is_tripped:
            return Permit.CLOSED
        trial_s = min(2 * self._settings.timeout_s, OPEN_MAX_S)
        if breaker.is_open or not await self._store.take_trial(name, trial_s):
            return Permit.NONE
        return Permit.TRIAL

    async def _settle(
        self,
        message: Claimed,
        settlement: Settlement,
        ended: tuple[int, str, Outcome] | None = None,
    ) -> None:
        await self._store.settle(message, settlement, ended)
        self._metrics.settled.labels(settlement.state).inc()
        if settlement.state == "DEAD":
            log.warning("dead_letter", message=message.id, type=message.type, why=settlement.reason)

    async def _suppress(self, message: Any, channel: Channel, reason: str) -> None:
        """Nobody writes to that address again."""
        try:
            contact = await self._letters.find_contact(message)
        except (NoLetter, Postponed):  # sealed, and the box is gone: nobody can tell the address
            return
        address = self._letters.hash_address(channel, contact)
        if address is not None:
            await self._store.suppress(channel, address, reason)

    async def _ask_fates(self) -> None:
        """What became of letters that providers have accepted."""
        names = [each.name for each in self._by_name.values() if each.knows_fate]
        for message in await self._store.claim_sent(names, FATES_MAX) if names else []:
            provider = self._by_name[message.provider]
            key = self._letters.get_key(message)
            try:
                fate = await self._call(provider.get_fate(key, message.provider_id))
            except OSError as error:
                log.warning("fate_unknown", provider=provider.name, reason=type(error).__name__)
                return
            if fate in (Fate.FAILED, Fate.COMPLAINED):
                await self._suppress(message, provider.channel, fate.name)
            if fate is not Fate.UNDER_WAY:
                state = "FAILED" if fate is Fate.FAILED else "DELIVERED"
                await self._store.note_fate(
                    message.id, state, "" if state == "DELIVERED" else "BOUNCED"
                )
                self._metrics.settled.labels(state).inc()

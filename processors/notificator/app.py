"""The Notificator: the composition root of the process `tokend run notificator`.

Its parts run side by side: workers, receipts, subscriptions, alarms, the private port, and what
reads Kafka. The last may come and go with the broker; the others go on without it, so that
operators are told.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import structlog
from aiokafka.errors import KafkaError

from processors.ledger_feed.network import Network
from processors.ledger_feed.process import begin, exit_by_code
from processors.ledger_feed.stream import Stream, run_to_end, run_until_signal, serve_streams
from processors.ledger_feed.topic import TopicUnavailable, open_topic
from processors.notificator import intake
from processors.notificator.alarms import AlarmPoller
from processors.notificator.channels.base import Provider
from processors.notificator.channels.mailgun import Mailgun
from processors.notificator.channels.smtp import Smtp
from processors.notificator.channels.twilio import Twilio
from processors.notificator.config import NotificatorSettings
from processors.notificator.desk import Desk
from processors.notificator.engine import Engine
from processors.notificator.epochs import EVERY_S, Epochs
from processors.notificator.feed import FeedWriter, RecentEvents
from processors.notificator.letters import Letters
from processors.notificator.message_types import Channel
from processors.notificator.metrics import Metrics
from processors.notificator.private_http import PrivateHttp
from processors.notificator.receipts import ReceiptPublisher
from processors.notificator.resolver import (
    ApiResolver,
    FileResolver,
    FirstResolver,
    Resolver,
)
from processors.notificator.sealing import Vault
from processors.notificator.store import Store, is_passing
from processors.notificator.subscriptions import Deliverer
from processors.notificator.webhooks import WebhookSender
from schemas.settings import ConfigError

log = structlog.get_logger()
GROUP = "notificator.intake"
"""The consumer group that all instances share."""
AGAIN_S, RED_S = 3.0, 30.0
STATUS_S = 2.0


def main(settings: NotificatorSettings) -> None:
    """Until SIGTERM or SIGINT. Ends as `exit_by_code` says; raises `ConfigError`, `Fenced`."""
    network = begin(settings)
    with exit_by_code():
        run_to_end(Notificator(settings, network).run())


def make_providers(
    settings: NotificatorSettings, client: httpx2.AsyncClient
) -> dict[Channel, tuple[Provider, ...]]:
    """Those of the settings, in their order. Raises `ConfigError`."""
    timeout_s = settings.engine.timeout_s
    emails: list[Provider] = []
    if settings.email is not None:
        sender = settings.email.sender
        for name in settings.email.providers:
            if name == "mailgun" and settings.mailgun is not None:
                emails.append(Mailgun(settings.mailgun, sender, client, timeout_s))
            elif name == "smtp" and settings.smtp is not None:
                emails.append(Smtp(settings.smtp, sender, timeout_s))
            else:
                raise ConfigError(f"email.providers: {name} has no table of its own: add it")
    texts: tuple[Provider, ...] = ()
    if settings.twilio is not None:
        texts = (Twilio(settings.twilio, client, timeout_s),)
    return {Channel.EMAIL: tuple(emails), Channel.SMS: texts}


class Notificator:
    """One instance."""

    def __init__(self, settings: NotificatorSettings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._metrics = Metrics()
        self._recent = RecentEvents()
        self._vault = Vault(settings.key)
        self._kafka_problem: str | None = "starting"
        self._kafka_since = time.monotonic()

    async def run(self) -> None:
        """Until a signal. Raises what a part raises."""
        settings = self._settings
        engine = settings.engine
        url = settings.database.url.reveal()
        store = Store(url, settings.name, engine.lease_s, engine.timeout_s)
        sender = WebhookSender(settings.webhooks)
        most = settings.engine.at_once
        limits = httpx2.Limits(max_connections=most, max_keepalive_connections=most)
        await store.start()
        async with httpx2.AsyncClient(trust_env=False, limits=limits) as client:
            try:
                await self._run_parts(store, sender, client)
            finally:
                await sender.close()
                await store.stop()

    async def _run_parts(
        self, store: Store, sender: WebhookSender, client: httpx2.AsyncClient
    ) -> None:
        settings, vault, metrics = self._settings, self._vault, self._metrics
        epochs = Epochs(store, vault)
        resolver: Resolver = FileResolver(Path(settings.contacts_file))
        if settings.api is not None:
            asked = ApiResolver(settings.api.urls, settings.api.token, client)
            resolver = FirstResolver(resolver, asked)
        letters = Letters(settings, store, resolver, vault, epochs.get_private_key)
        providers = make_providers(settings, client)
        engine = Engine(store, letters, providers, settings.engine, metrics)
        deliverer = Deliverer(store, settings, sender, vault, self._recent, metrics)
        desk = Desk(store, vault, sender, [each for some in providers.values() for each in some])
        loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(engine.wake)
            loop.call_soon_threadsafe(deliverer.wake)

        http = PrivateHttp(
            settings.http.token.reveal(),
            desk,
            epochs,
            metrics,
            lambda: self._get_status(store, desk),
            engine.wake,
        )
        parts = [
            engine.run(),
            deliverer.run(),
            AlarmPoller(store, settings.alarms, settings.operators).run(),
            _renew(epochs),
            http.make_server(settings.http.listen).serve(),
            self._read_kafka(wake),
        ]
        if settings.receipts_topic is not None:
            parts.append(ReceiptPublisher(store, settings.kafka, settings.receipts_topic).run())
        await run_until_signal([asyncio.create_task(part) for part in parts])

    async def _get_status(self, store: Store, desk: Desk) -> dict[str, Any]:
        try:
            async with asyncio.timeout(STATUS_S):
                states: dict[str, int] | None = await desk.count_states()
        except (psycopg.Error, TimeoutError):
            states = None
        problem = None if states is not None else "the database does not answer"
        if problem is None and self._kafka_problem is not None:
            away_s = time.monotonic() - self._kafka_since
            problem = f"Kafka: {self._kafka_problem}" if away_s > RED_S else None
        return {"name": store.worker, "problem": problem, "messages": states or {}}

    async def _read_kafka(self, wake: Callable[[], None]) -> None:
        """Feed and intake, again and again while the broker or the database is away."""
        while True:
            try:
                await self._serve(wake)
            except (TopicUnavailable, KafkaError, RuntimeError) as error:
                reason = str(error.__cause__ or error)
            except Exception as error:
                if not is_passing(error):
                    raise
                reason = type(error).__name__
            if self._kafka_problem is None:
                self._kafka_since = time.monotonic()
            self._kafka_problem = reason
            log.warning("kafka_waits", reason=reason)
            await asyncio.sleep(AGAIN_S)

    async def _serve(self, wake: Callable[[], None]) -> None:
        settings = self._settings
        with ExitStack() as stack:
            feed = await _run_apart(lambda: self._make_feed_stream(stack, wake))
            streams = [self._make_intake_stream(stack, t, wake) for t in settings.intake_topics]
            serving = [asyncio.create_task(serve_streams(settings.name, settings.kafka, [feed]))]
            if streams:
                member = f"{settings.name}.intake"
                serving.append(
                    asyncio.create_task(serve_streams(member, settings.kafka, streams, GROUP))
                )
            self._kafka_problem = None
            try:
                done, _ = await asyncio.wait(serving, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in serving:
                    task.cancel()
                await asyncio.wait(serving)
        for task in done:
            task.result()

    def _make_feed_stream(self, stack: ExitStack, wake: Callable[[], None]) -> Stream:
        settings = self._settings
        connection = stack.enter_context(self._connect())
        writer = FeedWriter(connection, settings, self._network, self._recent, wake)
        with open_topic(settings.kafka, settings.ledgers_topic) as reader:
            writer.next_offset = reader.get_start(writer.feed.position.sequence + 1, writer.hint)
        log.info("feed_starts", sequence=writer.feed.position.sequence, offset=writer.next_offset)
        return Stream([settings.ledgers_topic], writer.write, lambda: writer.next_offset)

    def _make_intake_stream(self, stack: ExitStack, topic: str, wake: Callable[[], None]) -> Stream:
        connection = stack.enter_context(self._connect())
        write = intake.get_writer(connection, topic, self._metrics, wake)
        return Stream([topic], write, is_committed_late=True)

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._settings.database.url.reveal(), autocommit=True)


async def _run_apart(work: Callable[[], Stream]) -> Stream:
    """In a thread that the end of the process does not wait for: a broker may be away for long."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Stream] = loop.create_future()

    def tell(set_: Callable[[Any], None], value: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if done.cancelled() else set_(value))

    def run() -> None:
        try:
            tell(done.set_result, work())
        except Exception as error:
            tell(done.set_exception, error)

    threading.Thread(target=run, daemon=True).start()
    return await done


async def _renew(epochs: Epochs) -> None:
    while True:
        try:
            await epochs.renew()
        except Exception as error:
            if not is_passing(error):
                raise
            await asyncio.sleep(AGAIN_S)
        else:
            await asyncio.sleep(EVERY_S)

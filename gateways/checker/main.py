"""The composition root of `tokend run kyc`: the projection of cases and their checker, one process.

Both are there, or neither: the checker reads what the projection writes.
"""

import asyncio
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateways.checker.settings import KycSettings
from gateways.checker.worker import Checker
from processors.kyc.producer import EventProducer
from processors.kyc.projection import make_streams
from processors.kyc.store import CaseStore
from processors.ledger_feed.network import Network
from processors.ledger_feed.process import begin, exit_by_code
from processors.ledger_feed.stream import run_to_end, run_until_signal, serve_streams
from schemas.strkey import decode_account_id
from streams.ledger.genesis import decode_genesis
from streams.private_port import guard, make_server, respond, respond_health

PAUSE_S, STALL_S = 1.0, 30.0
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNT = "SELECT state, count(*) FROM kyc.cases GROUP BY state"

log = structlog.get_logger()


def main(settings: KycSettings) -> None:
    """Until SIGTERM or SIGINT. Ends as `exit_by_code` says; raises `ConfigError`, `Fenced`."""
    network = begin(settings)
    with exit_by_code(), ExitStack() as stack:
        run_to_end(KycProcess(settings, network).run(stack))


class KycProcess:
    """One process."""

    def __init__(self, settings: KycSettings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._store: CaseStore | None = None
        self._folded_at, self._sequence = time.monotonic(), 0
        self._producer = EventProducer(settings.kafka, settings.events_topic)
        self._checker = self._make_checker()
        self._checker_problem: str | None = None
        self._registry = CollectorRegistry()
        self._gauges = _make_gauges(self._registry)

    async def run(self, stack: ExitStack) -> None:
        """Raises what a part raises."""
        settings = self._settings
        made = await asyncio.to_thread(make_streams, stack, settings, self._network)
        self._store, streams = made
        token = settings.http.token.reveal()
        app = Starlette(
            routes=[
                Route("/health", self._get_health),
                Route("/ready", self._get_health),
                Route("/status", guard(token, self._get_status)),
                Route("/metrics", guard(token, self._get_metrics)),
            ]
        )
        parts = [
            serve_streams(settings.name, settings.kafka, streams),
            make_server(app, settings.http.listen).serve(),
            *([] if self._checker is None else [self._check(self._checker)]),
        ]
        try:
            await run_until_signal([asyncio.create_task(part) for part in parts])
        finally:
            await asyncio.to_thread(self._producer.close)

    def _make_checker(self) -> Checker | None:
        settings = self._settings.check
        if settings is None:
            return None
        genesis = decode_genesis(Path(self._settings.genesis_file).read_bytes())
        operator = decode_account_id(genesis.master.account)
        network_id = self._network.network_id
        return Checker(settings, network_id, operator, self._producer, self._connect)

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._settings.database.url.reveal(), autocommit=True)

    async def _check(self, checker: Checker) -> None:
        """In a thread that the end of the process does not wait for: a paper may take a minute, and
        a case that was not finished is begun again."""
        loop = asyncio.get_running_loop()
        failed: asyncio.Future[None] = loop.create_future()

        def run() -> None:
            try:
                while True:
                    self._check_all(checker)
                    time.sleep(PAUSE_S)
            except Exception as error:
                with suppress(RuntimeError):  # the loop has ended
                    loop.call_soon_threadsafe(failed.set_exception, error)

        threading.Thread(target=run, daemon=True).start()
        await failed

    def _check_all(self, checker: Checker) -> None:
        try:
            checker.work()
            self._checker_problem = None
        except psycopg.OperationalError as error:
            self._checker_problem = type(error).__name__

    def _describe(self) -> dict[str, Any]:
        """What the process says of itself."""
        sequence = 0 if self._store is None else self._store.feed.position.sequence
        if sequence != self._sequence:
            self._sequence, self._folded_at = sequence, time.monotonic()
        silent_s = time.monotonic() - self._folded_at
        problems = [f"no ledger came for {silent_s:.0f} s"] if silent_s > STALL_S else []
        checker = self._checker
        if self._checker_problem is not None:
            problems.append(f"checker: {self._checker_problem}")
        if checker is not None and checker.problem is not None:
            problems.append(f"checker: {checker.problem}")
        return {
            "name": self._settings.name,
            "sequence": sequence,
            "problems": problems,
            "checked": 0 if checker is None else checker.checked,
            "waiting_for_scan": 0 if checker is None else checker.waiting_for_scan,
        }

    async def _get_health(self, _: Request) -> Response:
        return respond_health(self._describe()["problems"])

    async def _get_status(self, _: Request) -> Response:
        return respond({**self._describe(), "cases": await asyncio.to_thread(self._count)})

    async def _get_metrics(self, _: Request) -> Response:
        described = self._describe()
        for name, gauge in self._gauges.items():
            gauge.set(described[name])
        return Response(generate_latest(self._registry), media_type=MEDIA_TYPE)

    def _count(self) -> dict[str, int] | None:
        try:
            with self._connect() as connection:
                return dict(connection.execute(COUNT).fetchall())
        except psycopg.OperationalError:
            return None


def _make_gauges(registry: CollectorRegistry) -> dict[str, Gauge]:
    texts = {
        "sequence": "The last ledger that was folded",
        "checked": "Cases that this process has checked",
        "waiting_for_scan": "Cases that wait for a scanner of malware",
    }
    return {n: Gauge(f"tokend_kyc_{n}", text, registry=registry) for n, text in texts.items()}

"""PSIM: the composition root of the process `tokend run psim`.

Ledgers, evidence and signatures come by topics; the rules run in one loop and nowhere else; what
they say is produced. Nothing is stored: a restart begins anew, which is harmless.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import structlog

from processors.ledger_feed.feed import LedgerFeed
from processors.ledger_feed.follow import get_sequence
from processors.ledger_feed.network import Network
from processors.ledger_feed.process import begin as begin_process
from processors.ledger_feed.process import exit_by_code
from processors.ledger_feed.stream import Stream, run_to_end, run_until_signal, serve_streams
from processors.ledger_feed.topic import Message, open_topic
from processors.psim.banks.settings import Banks
from processors.psim.banks.watch import AccountWatch
from processors.psim.beginning import begin
from processors.psim.chains.pkcs11_signer import Pkcs11Signer
from processors.psim.chains.settings import make_rpc, make_source
from processors.psim.chains.shared import FRESH, SharedSource
from processors.psim.chains.signers import ChainSigner, SeedSigner, SeveralSigners
from processors.psim.deposit.service import DepositService
from processors.psim.deposit.watch import ChainWatch
from processors.psim.funnel.service import FunnelService
from processors.psim.instance import Instance
from processors.psim.intents import Service
from processors.psim.metrics import Metrics
from processors.psim.private_http import make_server
from processors.psim.rates.service import RatesService
from processors.psim.reserves.account_watch import AccountReserves
from processors.psim.reserves.holdings import make_holdings
from processors.psim.reserves.reporting import Reporting
from processors.psim.reserves.service import ReservesService
from processors.psim.reserves.watch import ReserveWatch
from processors.psim.settings import PsimSettings
from processors.psim.signing.cosigner import Cosigner
from processors.psim.signing.keys import read_key
from processors.psim.signing.publisher import Publisher
from processors.psim.transfers.desk import Desk
from processors.psim.transfers.desks import make_desk
from processors.psim.transfers.looks import Looks
from processors.psim.view import LedgerView
from processors.psim.withdraw.service import WithdrawService
from schemas.codec import Malformed, unframe
from schemas.generated.common import AccountID
from schemas.generated.events import (
    Evidence,
    EvidenceSignature,
    GatewayCallback,
    SignedRateQuote,
    SignedReserveReport,
)
from schemas.settings import ConfigError
from schemas.strkey import StrkeyError, decode_account_id
from schemas.topics import (
    CALLBACKS_TOPIC,
    EVIDENCE_TOPIC,
    QUOTES_TOPIC,
    RESERVES_TOPIC,
    SIGNATURES_TOPIC,
)
from streams.ledger.chain import ChainPosition, VerifiedLedger
from streams.ledger.windows import WINDOW_MS

log = structlog.get_logger()
STALL_S = 30.0
FUNNEL_EASE = 4
"""Nobody waits for a sweep: the funnel looks so many times less often."""
Told = TypeVar(
    "Told", Evidence, EvidenceSignature, SignedRateQuote, SignedReserveReport, GatewayCallback
)


def main(settings: PsimSettings) -> None:
    """Until SIGTERM or SIGINT. Ends as `exit_by_code` says; raises `ConfigError`."""
    network = begin_process(settings)
    with exit_by_code():
        run_to_end(Psim(settings, network).run())


class Psim:
    """One process with its services."""

    def __init__(self, settings: PsimSettings, network: Network) -> None:
        self._settings = settings
        self._network = network
        self._source = _read_account("source", settings.source)
        self._suspense = _read_account("suspense", settings.suspense)
        self._key = read_key(settings.seed.reveal())
        self._metrics = Metrics()
        self._publisher = Publisher(settings.kafka, self._source)
        self._banks = Banks(settings.banks, settings.payees, settings.name)
        fresh_s = settings.poll_s * FRESH
        self._rpcs = {each.id: make_rpc(each) for each in settings.chains}
        self._sources = {
            each.id: SharedSource(make_source(each, self._rpcs[each.id]), fresh_s)
            for each in settings.chains
        }
        self._desks: dict[str, Desk] = {}
        self._looks = Looks(fresh_s)
        self._next_offset = 0
        self._folded_at = time.monotonic()

    async def run(self) -> None:
        """Until a signal. Raises what a part raises."""
        settings = self._settings
        view, position = await asyncio.to_thread(
            begin, self._network, self._source, settings.archives
        )
        self._instance = Instance(settings.name, view, self._key, self._publisher, self._metrics)
        services = self._make_services(view)
        for service in services:
            self._instance.host(service)
        ledgers = await asyncio.to_thread(self._make_ledger_stream, position)
        since_ms = int(time.time() * 1000) - WINDOW_MS
        streams = [
            ledgers,
            await self._make_side_stream(EVIDENCE_TOPIC, Evidence, since_ms, self._instance.take),
            await self._make_side_stream(
                SIGNATURES_TOPIC, EvidenceSignature, since_ms, self._instance.take
            ),
        ]
        for each in services:
            if isinstance(each, RatesService):
                stream = self._make_side_stream(QUOTES_TOPIC, SignedRateQuote, since_ms, each.take)
                streams.append(await stream)
            elif isinstance(each, DepositService) and settings.banks:
                made = self._make_side_stream(CALLBACKS_TOPIC, GatewayCallback, since_ms, each.hint)
                streams.append(await made)
            elif isinstance(each, ReservesService):
                self._instance.on_ledger.append(each.note_ledger)
                take = each.take
                streams.append(
                    await self._make_side_stream(
                        RESERVES_TOPIC, SignedReserveReport, since_ms, take
                    )
                )
        server = make_server(
            settings.http.listen,
            settings.http.token.reveal(),
            self.get_status,
            self._instance.list_deposits,
            self._metrics,
        )
        parts = [
            serve_streams(settings.name, settings.kafka, streams),
            self._instance.run(),
            server.serve(),
        ]
        try:
            await run_until_signal([asyncio.create_task(part) for part in parts])
        finally:
            await asyncio.to_thread(self._publisher.close)

    def get_status(self) -> dict[str, Any]:
        """By hosted service; `problems` make /health red."""
        status = self._instance.get_status()
        silent_s = time.monotonic() - self._folded_at
        if silent_s > STALL_S:
            status["problems"].insert(0, f"no ledger came for {silent_s:.0f} s")
        return status

    def _make_services(self, view: LedgerView) -> list[Service]:
        makers: Mapping[str, Callable[[LedgerView], Service]] = {
            "deposit": self._make_deposit,
            "withdraw": lambda _: self._make_transfers(WithdrawService, settings.batch_s),
            "funnel": lambda _: self._make_transfers(FunnelService, 0),
            "reserves": self._make_reserves,
            "rates": self._make_rates,
        }
        settings = self._settings
        return [makers[name](view) for name in settings.services]

    def _make_deposit(self, view: LedgerView) -> DepositService:
        watches = [
            ChainWatch(
                each.id,
                self._sources[each.id],
                self._suspense,
                lambda: view,
                self._instance.wake,
                poll_s=self._settings.poll_s,
            )
            for each in self._settings.chains
        ]
        return DepositService([*watches, *self._make_bank_watches(view)])

    def _make_bank_watches(self, view: LedgerView) -> Iterator[AccountWatch]:
        for chain_id, source in self._banks.sources.items():
            yield AccountWatch(
                chain_id,
                source,
                self._suspense,
                lambda: view,
                self._instance.wake,
                poll_s=self._banks.settings[chain_id].poll_s,
            )

    def _make_rates(self, view: LedgerView) -> RatesService:
        if self._settings.rates is None:
            raise ConfigError("rates: the service rates needs this table")
        tell, wake = self._publisher.tell_quote, self._instance.wake
        return RatesService(self._settings.rates, self._key, lambda: view, tell, wake)

    def _make_reserves(self, view: LedgerView) -> ReservesService:
        about = self._key, lambda: view, self._publisher.tell_reserve, self._instance.wake
        watches: list[Reporting] = []
        for each in self._settings.chains:
            desk = self._desks.get(each.id)
            if desk is None:
                raise ConfigError("services: reserves needs withdraw or funnel, named before it")
            source = self._sources[each.id]
            holdings = make_holdings(each.id, source, self._rpcs[each.id], desk)
            watches.append(ReserveWatch(each.id, source, holdings, *about))
        if self._banks.sources:
            watches.append(AccountReserves(self._banks.sources, *about))
        return ReservesService(watches)

    def _make_transfers(
        self, kind: type[WithdrawService | FunnelService], batch_s: float
    ) -> Service:
        cosigner = self._make_cosigner()
        for each in self._settings.chains:
            if each.id not in self._desks:
                rpc, source = self._rpcs[each.id], self._sources[each.id]
                self._desks[each.id] = make_desk(each, rpc, source)
        desks = list(self._desks.values())
        if kind is WithdrawService:
            desks += self._banks.make_desks(cosigner)
        return kind(
            desks,
            self._key.public_key,
            cosigner,
            self._settings.poll_s * (1 if kind is WithdrawService else FUNNEL_EASE),
            batch_ms=int(batch_s * 1000),
            looks=self._looks,
        )

    def _make_cosigner(self) -> Cosigner | None:
        seed, wallets = self._settings.cosigner_seed, self._settings.wallet_seed
        if seed is None or wallets is None:
            return None
        try:
            signer: ChainSigner = SeedSigner(bytes.fromhex(wallets.reveal()))
        except ValueError:
            raise ConfigError("wallet_seed: 64 hexadecimal digits") from None
        if self._settings.module is not None:
            signer = SeveralSigners(Pkcs11Signer(self._settings.module), signer)
        return Cosigner(read_key(seed.reveal()), signer, self._publisher.submit)

    def _make_ledger_stream(self, position: ChainPosition) -> Stream:
        settings, first = self._settings, position.sequence
        feed = LedgerFeed(
            settings.kafka,
            settings.peer_topics,
            self._network.genesis_hash,
            position,
            lambda _: None,
            settings.archives,
        )
        with open_topic(settings.kafka, settings.ledgers_topic) as reader:
            self._next_offset = reader.get_start(first + 1, None)
        log.info("psim_starts", sequence=first, offset=self._next_offset)
        loop = self._instance.loop

        def write(messages: list[Message]) -> None:
            for message in messages:
                # A ledger from before the snapshot that comes again was never folded here.
                if get_sequence(message.value) > first:
                    for verified in feed.receive(message.value):
                        asyncio.run_coroutine_threadsafe(self._fold(verified), loop).result()
                self._next_offset = message.offset + 1

        return Stream([settings.ledgers_topic], write, lambda: self._next_offset)

    async def _fold(self, verified: VerifiedLedger) -> None:
        header = verified.header
        self._instance.fold(header.sequence, header.close_time_ms, verified.record.body)
        self._folded_at = time.monotonic()

    async def _make_side_stream(
        self, topic: str, kind: type[Told], since_ms: int, take: Callable[[Told], None]
    ) -> Stream:
        offset = await asyncio.to_thread(self._locate, topic, since_ms)
        loop = self._instance.loop

        def write(messages: list[Message]) -> None:
            nonlocal offset
            for message in messages:
                try:
                    told = unframe(kind, message.value)
                except Malformed as error:
                    log.warning("unreadable", topic=topic, reason=str(error))
                else:
                    loop.call_soon_threadsafe(take, told)
                offset = message.offset + 1

        return Stream([topic], write, lambda: offset)

    def _locate(self, topic: str, since_ms: int) -> int:
        with open_topic(self._settings.kafka, topic) as reader:
            return reader.locate_time(since_ms)


def _read_account(name: str, text: str) -> AccountID:
    try:
        return decode_account_id(text)
    except StrkeyError as error:
        raise ConfigError(f"{name}: {error}") from None

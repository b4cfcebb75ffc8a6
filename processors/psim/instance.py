"""One instance's loop: ledgers and peers' records in, what services derive, what is signed out.

Everything in it runs in one event loop, so that pure rules see one state. Shell.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import structlog

from processors.psim.intents import Service
from processors.psim.metrics import Metrics
from processors.psim.signing.keys import KeySigner
from processors.psim.signing.publisher import Publisher
from processors.psim.signing.rules import Disagreement, Output, Publish, Signing
from processors.psim.view import LedgerView
from schemas.codec import decode
from schemas.generated.events import Evidence, EvidenceSignature
from schemas.generated.transactions import Transaction
from schemas.readable import Scales, show_value
from schemas.strkey import encode_account_id
from streams.ledger.windows import compute_window

log = structlog.get_logger()
TURN_S = 0.05
REPEAT_S = 15.0
SHOWN_MAX = 20
LEVEL_MS = 60_000


class Instance:
    """`name`: of the process, as psim1; its services are called SERVICE.1. `on_ledger`: called
    after each ledger, before anything else is folded."""

    def __init__(
        self,
        name: str,
        view: LedgerView,
        key: KeySigner,
        publisher: Publisher,
        metrics: Metrics,
    ) -> None:
        self.name = name
        self.view = view
        self.loop = asyncio.get_running_loop()
        self._key = key
        self._publisher = publisher
        self._metrics = metrics
        self._services: dict[str, tuple[Service, Signing]] = {}
        self.on_ledger: list[Callable[[LedgerView], None]] = []
        self._woken = asyncio.Event()
        self._alarmed: dict[str, float] = {}

    def host(self, service: Service) -> None:
        signing = Signing(
            service.name,
            self.view.network_id,
            self.view.source,
            self._key.public_key,
            self._key.sign,
        )
        self._services[service.name] = (service, signing)

    def wake(self) -> None:
        """There is something new to derive from."""
        self._woken.set()

    def fold(self, sequence: int, close_time_ms: int, body: bytes) -> None:
        """The next ledger."""
        self.view.fold(sequence, close_time_ms, body)
        for note in self.on_ledger:
            note(self.view)
        for _, signing in self._services.values():
            signing.note_applied(self.view.applied)
        self.wake()

    def take(self, told: Evidence | EvidenceSignature) -> None:
        """A peer's record; one's own come back too, which changes nothing."""
        for name, (service, signing) in self._services.items():
            if isinstance(told, EvidenceSignature) or told.service == name:
                signing.take(told)
            if isinstance(told, Evidence) and told.service == name:
                service.consider(told)
        self.wake()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as group:
            for service, _ in self._services.values():
                group.create_task(service.run())
            group.create_task(self._run_turns())
            group.create_task(self._run_repeats())

    async def _run_turns(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            self.turn()
            await asyncio.sleep(TURN_S)

    async def _run_repeats(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            signers = self.view.get_signers()
            for name, (_, signing) in self._services.items():
                self._perform(name, signing.repeat(signers))
            self._alarm()
            self.wake()

    def turn(self) -> None:
        """Derives, signs, submits; not while old ledgers are read, whose windows have passed."""
        view = self.view
        if not self.is_level():
            return
        window, signers = compute_window(view.close_time_ms), view.get_signers()
        for name, (service, signing) in self._services.items():
            intents = service.get_intents(view)
            self._perform(name, signing.step(window, intents, signers))

    def is_level(self) -> bool:
        """Whether the ledger is known up to about now."""
        return time.time() * 1000 - self.view.close_time_ms < LEVEL_MS

    def _perform(self, name: str, outputs: list[Output]) -> None:
        self._publisher.perform(outputs)
        self._publisher.poll()
        signed = sum(isinstance(each, Publish) for each in outputs)
        self._metrics.signed.labels(name).inc(signed)
        self._metrics.submitted.labels(name).inc(len(outputs) - signed)

    def _alarm(self) -> None:
        """What is wrong goes to the operators; the same again only after an hour."""
        now = time.time()
        for problem in self.get_status()["problems"]:
            if now - self._alarmed.get(problem, 0.0) > 3_600:
                self._alarmed[problem] = now
                log.error("psim_problem", alarm=True, problem=problem)
                self._publisher.alarm("psim", problem, int(now * 1000))

    def get_status(self) -> dict[str, Any]:
        """By hosted service, as deposit.1."""
        view, services, problems = self.view, {}, []
        number = self.name.lstrip("abcdefghijklmnopqrstuvwxyz") or "1"
        signers = view.get_signers()
        if signers and self._key.public_key not in signers:
            problems.append("this instance's key is no signer of the shared account")
        for name, (service, signing) in self._services.items():
            status = dict(service.get_status())
            found = signing.find_disagreements()
            status["open"] = signing.count_open()
            status["disagreements"] = [_show(each) for each in found[:SHOWN_MAX]]
            problems += status.pop("problems")
            problems += [f"{name}: instances derive different transactions"] if found else []
            status["parked"] = len(view.pending)
            services[f"{name}.{number}"] = status
        return {
            "name": self.name,
            "sequence": view.sequence,
            "is_set_up": bool(signers),
            "problems": list(dict.fromkeys(problems)),
            "services": services,
        }

    def list_deposits(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for service, _ in self._services.values():
            list_open = getattr(service, "list_deposits", None)
            found += [] if list_open is None else list_open()
        return found


def _show(found: Disagreement) -> dict[str, Any]:
    """Both derivations, in readable form."""
    return {
        "evidence": found.key.hex(),
        "window": found.window,
        "peer": encode_account_id(found.peer),
        "own": _read(found.own),
        "theirs": _read(found.theirs),
    }


def _read(transaction: bytes) -> Any:
    try:
        operations = decode(Transaction, transaction).operations
    except ValueError:
        return transaction.hex()
    return [show_value(each, Scales()) for each in operations]

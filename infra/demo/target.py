"""The network on which the demo runs: its addresses, and how to kill and start its nodes.

The addresses are in its endpoints.json; killing and starting depends on what runs the nodes.
"""

import contextlib
import os
import signal
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from gateways.client.ingest import read_login
from infra.demo.messages import Messages
from infra.local.errors import LocalError
from infra.local.health import get_status
from infra.local.launch import RunningDeployment
from infra.local.place import Place
from processors.horizon import replay
from processors.horizon.config import HorizonSettings
from processors.horizon.display import show_progress
from schemas.settings import KafkaSettings, load_config


@dataclass(frozen=True, slots=True)
class Replayed:
    """Views rebuilt up to ledger `sequence`, whose header holds `state_root` if `is_audited`."""

    sequence: int
    transactions: int
    seconds: float
    state_root: str
    is_audited: bool


class Target(ABC):
    """A running network of four core nodes, at least one of which has a Horizon pair. `place`: of
    the deployment, where its test chains can be reached."""

    place: Place | None = None

    def __init__(self, endpoints: Mapping[str, Any]) -> None:
        self.endpoints = endpoints

    @property
    def gateways(self) -> list[str]:
        """Their URLs."""
        return list(self.endpoints["horizon"])

    @property
    def cores(self) -> list[str]:
        return list(self.endpoints["cores"])

    @property
    def kafka(self) -> KafkaSettings:
        return read_login(self.endpoints)

    @property
    def genesis(self) -> bytes:
        return Path(self.endpoints["genesis_file"]).read_bytes()

    @property
    def master_seed(self) -> str:
        return Path(self.endpoints["master_seed_file"]).read_text().strip()

    @property
    def messages(self) -> Messages | None:
        """The Notificator and the mail page, where the demo can reach them."""
        has_demo = self.endpoints["notificators"]["demo"] is not None
        return Messages(self.endpoints) if has_demo else None

    def get_status(self, core: str) -> dict[str, Any] | None:
        """The status that the node reports on its private port."""
        token = Path(self.endpoints["cores"][core]["token_file"]).read_text().strip()
        return get_status(self.get_address(core), "/status", token)

    @abstractmethod
    def get_address(self, core: str) -> str:
        """HOST:PORT of its private port, as the demo reaches it."""

    @abstractmethod
    def kill(self, name: str) -> None:
        """kill -9."""

    @abstractmethod
    def is_down(self, name: str) -> bool:
        """Whether a killed process is down and will not be started again by itself."""

    @abstractmethod
    def start(self, name: str) -> None: ...

    @abstractmethod
    def replay(self, check: Callable[[], None]) -> Replayed:
        """Horizon's first views; `check` is called now and then and may raise."""


class LocalTarget(Target):
    """A deployment that `tokend up` or the demo has started on this machine."""

    def __init__(self, running: RunningDeployment) -> None:
        file = running.place.folder.endpoints_file
        super().__init__(msgspec.json.decode(file.read_bytes()))
        self._running = running
        self.place = running.place

    def get_address(self, core: str) -> str:
        return self._running.place.get_address(f"{core}.http")

    def kill(self, name: str) -> None:
        os.kill(self._running.control.get_state(name).process_id, signal.SIGKILL)

    def is_down(self, name: str) -> bool:
        """Tells the supervisor not to restart it; refused until it has noticed the death."""
        with contextlib.suppress(LocalError):
            self._running.control.stop(name)
        return self._running.control.get_state(name).state == "STOPPED"

    def start(self, name: str) -> None:
        self._running.control.start(name)

    def replay(self, check: Callable[[], None]) -> Replayed:
        file = self._running.place.get_settings_file("horizon1")
        settings = load_config(HorizonSettings, file, {})
        with show_progress() as report:

            def look(progress: Any) -> None:
                check()
                report(progress)

            outcome = replay.run(settings, report=look)
        return Replayed(
            outcome.audit.sequence,
            outcome.transactions,
            outcome.seconds,
            outcome.audit.computed[0].hex(),
            outcome.audit.is_equal,
        )

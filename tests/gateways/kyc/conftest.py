"""One set of servers for the tests of the package; each names people of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.kyc.support import Kyc, run_kyc
from tests.processors.notificator.support import World
from tests.support.object_store import ObjectStore, object_store
from tests.support.sandbox import run_sandbox
from tests.support.servers import Servers

__all__ = ["object_store"]


@pytest.fixture(scope="package")
def kyc(
    servers: Servers, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kyc]:
    folder: Path = tmp_path_factory.mktemp("kyc")
    with pytest.MonkeyPatch.context() as patch, run_sandbox() as sandbox:
        for service in ("api", "keychain"):  # so that nobody waits for a minute
            patch.setattr(f"gateways.{service}.service.CHECK_SECONDS", 2.0)
        patch.setattr("gateways.api.service.EXPIRIES_SECONDS", 1.0)
        notificator = World(servers, tmp_path_factory.mktemp("notificator"), sandbox)
        notificator.log.publish(*notificator.network.records)
        with run_kyc(servers, object_store, notificator, folder) as running:
            yield running

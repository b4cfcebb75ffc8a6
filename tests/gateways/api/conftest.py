"""Two instances for the tests of a module; each names people of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.api.support import Apis, run_apis
from tests.gateways.support import run_gateway
from tests.processors.notificator.support import World
from tests.support.object_store import ObjectStore, object_store
from tests.support.sandbox import run_sandbox
from tests.support.servers import Servers

__all__ = ["object_store"]


@pytest.fixture(scope="package")
def notificator(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with run_sandbox() as sandbox:
        made = World(servers, tmp_path_factory.mktemp("notificator"), sandbox)
        made.log.publish(*made.network.records)
        yield made


@pytest.fixture(scope="package")
def apis(
    servers: Servers,
    object_store: ObjectStore,
    notificator: World,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Apis]:
    folder: Path = tmp_path_factory.mktemp("api")
    documents = object_store.create_bucket("documents")
    with (
        run_gateway(servers, folder) as gateway,
        run_apis(gateway, documents, notificator, folder) as running,
    ):
        yield running

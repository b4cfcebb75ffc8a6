"""Two instances for the tests of a module; each names people of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.local.kyc import PROGRAM
from infra.local.migrations import apply_all
from schemas.settings import DatabaseSettings, Secret
from tests.gateways.api.support import STATEMENT_KEY, Apis, run_apis
from tests.gateways.keyserver import support as keyserver
from tests.gateways.support import run_gateway
from tests.processors.notificator.support import World
from tests.support.object_store import ObjectStore, object_store
from tests.support.sandbox import run_sandbox
from tests.support.servers import Servers

__all__ = ["object_store"]
KEYS = tuple(bytes(key.verify_key).hex() for key in (STATEMENT_KEY, keyserver.STATEMENT_KEY))


@pytest.fixture(scope="package")
def notificator(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with run_sandbox() as sandbox:
        made = World(servers, tmp_path_factory.mktemp("notificator"), sandbox)
        made.log.publish(*made.network.records)
        yield made


@pytest.fixture(scope="package")
def cases_url(servers: Servers) -> str:
    """Of a projection without cases."""
    url = servers.create_database("kyc")
    apply_all(url, PROGRAM.migrations)
    return url


@pytest.fixture(scope="package")
def apis(
    servers: Servers,
    object_store: ObjectStore,
    notificator: World,
    cases_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Apis]:
    folder: Path = tmp_path_factory.mktemp("api")
    documents = object_store.create_bucket("documents")
    cases = DatabaseSettings(url=Secret(cases_url))
    with (
        run_gateway(servers, folder) as gateway,
        run_apis(
            gateway, documents, notificator, folder, cases=cases, statement_keys=KEYS
        ) as running,
    ):
        yield running

"""Two instances for the tests of a module; each names people of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.api.support import Apis, run_apis
from tests.gateways.support import run_gateway
from tests.support.object_store import ObjectStore, object_store
from tests.support.servers import Servers

__all__ = ["object_store"]


@pytest.fixture(scope="package")
def apis(
    servers: Servers, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Apis]:
    folder: Path = tmp_path_factory.mktemp("api")
    documents = object_store.create_bucket("documents")
    with run_gateway(servers, folder) as gateway, run_apis(gateway, documents, folder) as running:
        yield running

"""Two KeyServers on one database for the tests of a module, and a ledger for all modules."""

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client import keyserver
from gateways.client.wallet_keys import derive_keys
from tests.gateways.keyserver.support import KeyServers, run_keyservers
from tests.gateways.support import Gateway, run_gateway
from tests.support.servers import Servers


@pytest.fixture(scope="package", autouse=True)
def _derive_once() -> Iterator[None]:
    """The same secret gives the same keys, and takes its half second once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keyserver, "derive_keys", functools.cache(derive_keys))
        yield


@pytest.fixture(scope="package")
def gateway(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with run_gateway(servers, folder) as running:
        yield running


@pytest.fixture(scope="module")
def keyservers(
    servers: Servers, gateway: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KeyServers]:
    folder: Path = tmp_path_factory.mktemp("keyserver")
    with run_keyservers(servers, gateway, folder, count=2) as running:
        yield running

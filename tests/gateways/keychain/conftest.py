"""Two instances for the tests of the package; each names people and documents of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client.keys import get_address
from tests.gateways.keychain.support import READER, KeyChains, run_keychains
from tests.gateways.support import run_gateway
from tests.support.servers import Servers


@pytest.fixture(scope="package")
def keychains(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeyChains]:
    folder: Path = tmp_path_factory.mktemp("keychain")
    readers = (get_address(READER),)
    with (
        run_gateway(servers, folder, proof_readers=readers) as gateway,
        run_keychains(gateway, folder) as running,
    ):
        yield running

"""One gateway for the tests of a module; those that harm it take their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateways.support import Gateway, run_gateway
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def gateway(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    with run_gateway(servers, folder) as running:
        yield running

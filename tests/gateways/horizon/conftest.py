"""One gateway for the tests of a module; those that harm it take their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateways.client.keys import get_address
from tests.gateways.support import Gateway, run_gateway
from tests.support.network import get_key
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def gateway(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    readers = (get_address(get_key("master")),)  # of /v3/access-proofs
    with run_gateway(servers, folder, proof_readers=readers) as running:
        yield running

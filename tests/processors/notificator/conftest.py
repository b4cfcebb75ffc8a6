"""The sandbox and a world for the tests of a module."""

from collections.abc import Iterator

import pytest

from tests.processors.notificator.support import World
from tests.support.sandbox import Sandbox, run_sandbox
from tests.support.servers import Servers


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with run_sandbox() as running:
        yield running


@pytest.fixture
def world(servers: Servers, tmp_path_factory: pytest.TempPathFactory, sandbox: Sandbox) -> World:
    world = World(servers, tmp_path_factory.mktemp("notify"), sandbox)
    world.log.publish(*world.network.records)
    return world

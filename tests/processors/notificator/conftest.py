"""The sandbox and a world for the tests of a module, and one instance for most of them."""

from collections.abc import Iterator

import pytest

from tests.processors.notificator.support import Instance, World
from tests.support.sandbox import Sandbox, run_sandbox
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def module_sandbox() -> Iterator[Sandbox]:
    with run_sandbox() as running:
        yield running


@pytest.fixture
def sandbox(module_sandbox: Sandbox) -> Sandbox:
    """Without what the test before has made of it."""
    module_sandbox.moods.clear()
    module_sandbox.down.clear()
    module_sandbox.letters.clear()
    module_sandbox.share = 0.0
    return module_sandbox


@pytest.fixture(scope="module")
def world(
    servers: Servers, tmp_path_factory: pytest.TempPathFactory, module_sandbox: Sandbox
) -> World:
    world = World(servers, tmp_path_factory.mktemp("notify"), module_sandbox)
    world.log.publish(*world.network.records)
    return world


@pytest.fixture(scope="module")
def one(world: World) -> Iterator[Instance]:
    with world.run() as instance:
        yield instance

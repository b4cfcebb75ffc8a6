"""Nodes' databases with archives, for the tests here."""

from collections.abc import Callable, Iterator

import pytest

from tests.streams.node.archiving import ArchivedNode
from tests.support.object_store import ObjectStore
from tests.support.servers import Servers


@pytest.fixture(scope="module")
def make_node(
    servers: Servers, object_store: ObjectStore, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], ArchivedNode]]:
    made: list[ArchivedNode] = []

    def make() -> ArchivedNode:
        folder = tmp_path_factory.mktemp("node")
        url = servers.create_database("archived")
        made.append(ArchivedNode(url, folder, object_store.create_bucket("history")))
        return made[-1]

    yield make
    for each in made:
        each.close_all()


@pytest.fixture
def node(make_node: Callable[[], ArchivedNode]) -> ArchivedNode:
    return make_node()

"""Fixtures for all tests."""

import pytest

from tests.support.servers import own_servers, servers

__all__ = ["own_servers", "servers"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for servers, so that `-m "not servers"` is the quick run."""
    for item in items:
        if {"servers", "own_servers"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")

"""Fixtures for all tests."""

import signal

import pytest

from tests.support.servers import own_servers, servers

__all__ = ["own_servers", "servers"]


def pytest_configure() -> None:
    """Children are told to stop by signals, so none may be ignored: as they are where the tests
    run in the background of a shell or under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what asks for servers, so that `-m "not servers"` is the quick run."""
    for item in items:
        if {"servers", "own_servers"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("servers")

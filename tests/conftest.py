"""Fixtures for all tests, and the one number that says how often each fault runs."""

import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.support.servers import NATIVE, PROVIDERS, own_servers, servers

__all__ = ["own_servers", "servers"]

ROUNDS = "fault_round", "later_round"

# How long an example takes depends on what else the machine does.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--faults", type=int, default=1, help="how often each fault runs (kill points: half)"
    )
    parser.addoption(
        "--servers", choices=PROVIDERS, default=NATIVE, help="where Kafka and PostgreSQL come from"
    )


def pytest_configure() -> None:
    """Children are told to stop by signals, so none may be ignored: as they are where the tests
    run in the background of a shell or under nohup."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            handler = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, handler)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs what has a round as often as `--faults` says, and says in its id which round it is."""
    faults = metafunc.config.getoption("--faults")
    for name, first, last in ((ROUNDS[0], 1, faults), (ROUNDS[1], 2, max(2, faults // 2))):
        if name in metafunc.fixturenames:
            numbers = range(first, last + 1)
            ids = [f"round {number} of {last}" for number in numbers]
            metafunc.parametrize(name, [number - 1 for number in numbers], ids=ids)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests by the fixtures they ask for: `servers` and `faults`."""
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        if {"servers", "own_servers", "whole_deployment"} & names:
            item.add_marker("servers")
        if set(ROUNDS) & names:
            item.add_marker("faults")

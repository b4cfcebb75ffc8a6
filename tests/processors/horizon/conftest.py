"""Fixtures for the tests of Horizon's views."""

import pytest

from tests.processors.economies import make_varied_network
from tests.support.network import Network


@pytest.fixture(scope="module")
def varied() -> Network:
    return make_varied_network()

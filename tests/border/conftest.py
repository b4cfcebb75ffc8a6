"""Worlds on the session's nodes, and a deployment of PSIM with as few other processes as do."""

from collections.abc import Iterator

import pytest

from infra.local.launch import RunningDeployment
from tests.border.real_chains import RealChains
from tests.integration.test_deposits import People
from tests.support.deployments import BORDER, make_border_table, start_deployment


@pytest.fixture
def real_chains(chains: RunningDeployment) -> Iterator[RealChains]:
    made = RealChains(chains)
    yield made
    made.close()


@pytest.fixture(scope="module")
def border() -> Iterator[RunningDeployment]:
    with start_deployment(make_border_table(), BORDER) as running:
        yield running


@pytest.fixture(scope="module")
def people(border: RunningDeployment) -> Iterator[People]:
    made = People(border.place)
    with made.client:
        yield made

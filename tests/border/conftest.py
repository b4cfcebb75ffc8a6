"""Worlds on the session's nodes."""

from collections.abc import Iterator

import pytest

from infra.local.launch import RunningDeployment
from tests.border.real_chains import RealChains


@pytest.fixture
def real_chains(chains: RunningDeployment) -> Iterator[RealChains]:
    made = RealChains(chains)
    yield made
    made.close()

"""How many requests schemathesis makes of each route: more in `make test-faults`."""

import pytest

EXAMPLES_A_ROUND = 3


@pytest.fixture(scope="session")
def examples(pytestconfig: pytest.Config) -> int:
    return EXAMPLES_A_ROUND * int(pytestconfig.getoption("--faults"))

"""One whole network for all integration tests that do not need their own."""

from collections.abc import Generator, Iterator

import pytest

from infra.local.logs import get_tail
from tests.support.canary import ProcessWatch
from tests.support.whole_deployment import WholeDeployment, start_whole_deployment
from tests.support.workload import Follower, make_economy

NAMES = [f"payer {number}" for number in range(50)]
LOG_LINES = 60


@pytest.fixture(scope="session")
def process_watch() -> Iterator[ProcessWatch]:
    """What every process was told, from before the deployment starts."""
    with ProcessWatch() as watch:
        yield watch


@pytest.fixture(scope="session")
def whole_deployment(process_watch: ProcessWatch) -> Iterator[WholeDeployment]:
    """All systems, an issuer and fifty payers."""
    with start_whole_deployment() as running:
        load = running.workload
        make_economy(load, NAMES, Follower.open(load.kafka, "core1"))
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failure shows what the processes wrote last: their folder is gone when one could look."""
    report = yield
    whole_deployment = getattr(item, "funcargs", {}).get("whole_deployment")
    if report.failed and isinstance(whole_deployment, WholeDeployment):
        for file in sorted(whole_deployment.running.place.folder.logs.glob("*.log")):
            report.sections.append((file.name, "\n".join(get_tail(file, LOG_LINES))))
    return report

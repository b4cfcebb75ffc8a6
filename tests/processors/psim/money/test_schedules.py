"""Random schedules of withdrawals, and everything lost at each of twelve labels."""

import pytest

from tests.processors.psim.money.schedules import LABELS, Schedule

SCHEDULES = 1_000
QUICK = 20


def run_schedules(first: int, count: int) -> None:
    """A failure names the seed."""
    for seed in range(first, first + count):
        try:
            Schedule(seed).run()
        except AssertionError as error:
            raise AssertionError(f"Schedule({seed}): {error}") from error


@pytest.mark.slow
def test_schedules() -> None:
    run_schedules(0, QUICK)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(3_000)
def test_schedules_campaign(pytestconfig: pytest.Config) -> None:
    """A tenth for each unit of --faults."""
    run_schedules(QUICK, SCHEDULES // 10 * pytestconfig.getoption("--faults"))


@pytest.mark.parametrize("label", sorted(LABELS))
def test_all_instances_lose_everything_at_a_label(label: str) -> None:
    schedule = Schedule(4, label)
    schedule.run()
    assert schedule.events["lost everything"] == 1

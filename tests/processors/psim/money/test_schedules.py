"""Random schedules of withdrawals, everything lost at each of twelve labels, and bugs planted."""

import pytest

from tests.processors.psim.money.planted import PLANTED
from tests.processors.psim.money.schedules import LABELS, FailingSchedule, Schedule
from tests.processors.psim.plants import check_found

SCHEDULES = 1_000
QUICK = 10


def run_schedules(first: int, count: int) -> None:
    """A failure names the seed."""
    for seed in range(first, first + count):
        kind = FailingSchedule if seed % 10 == 9 else Schedule
        try:
            kind(seed).run()
        except AssertionError as error:
            raise AssertionError(f"{kind.__name__}({seed}): {error}") from error


@pytest.mark.slow
def test_schedules() -> None:
    run_schedules(0, QUICK)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("first", range(0, SCHEDULES, SCHEDULES // 10))
def test_schedules_campaign(pytestconfig: pytest.Config, first: int) -> None:
    """A tenth for each unit of --faults."""
    run_schedules(first, SCHEDULES // 100 * pytestconfig.getoption("--faults"))


@pytest.mark.parametrize("label", sorted(LABELS))
def test_all_instances_lose_everything_at_a_label(label: str) -> None:
    schedule = Schedule(4, label)
    schedule.run()
    assert schedule.events["lost everything"] == 1


@pytest.mark.slow
@pytest.mark.border
@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, kind, seeds = PLANTED[name]
    plant(monkeypatch)
    check_found(kind, range(seeds), name)

"""Random schedules on the rules, with bugs planted in them, and state discarded at every label."""

import pytest

from tests.processors.psim.planted import PLANTED
from tests.processors.psim.plants import check_found
from tests.processors.psim.schedules import DeepSchedule, Schedule

SCHEDULES = 5_000
QUICK = 100
"""Of them in `make test`."""


def run_schedules(first: int, count: int) -> None:
    """A failure names the seed."""
    for seed in range(first, first + count):
        for kind in (Schedule, DeepSchedule) if seed % 10 == 0 else (Schedule,):
            schedule = kind(seed)
            try:
                schedule.run()
            except AssertionError as error:
                raise AssertionError(f"{kind.__name__}({seed}): {error}") from error


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, QUICK, QUICK // 4))
def test_schedules(first: int) -> None:
    run_schedules(first, QUICK // 4)


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("first", range(0, SCHEDULES, SCHEDULES // 10))
def test_schedules_campaign(pytestconfig: pytest.Config, first: int) -> None:
    run_schedules(first, SCHEDULES // 100 * pytestconfig.getoption("--faults"))


def test_who_begins_with_nothing_derives_the_same_bytes() -> None:
    """At every label of a schedule, whatever is to be done then."""
    compared = 0
    for seed in range(16):
        schedule = Schedule(seed, is_calm=True)
        schedule.run()
        compared += schedule.compared
    assert compared > 40


@pytest.mark.border
@pytest.mark.parametrize("name", sorted(PLANTED))
def test_a_planted_bug_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, kind, seeds = PLANTED[name]
    plant(monkeypatch)
    check_found(kind, range(seeds), name)

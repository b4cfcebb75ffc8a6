"""Processes that kill themselves at labelled points between two durable steps, under load.

The supervisor starts them again without the switch. Wherever they died, nothing is lost and nothing
happens twice (`WholeSet.check`).
"""

from collections.abc import Mapping

import pytest

from infra.local import network
from infra.local.processes import wait_until
from streams.kill_points import CORE_LABELS, HORIZON_LABELS
from tests.integration.conftest import NAMES
from tests.support.whole_set import WholeSet

PAYMENTS, RATE = 400, 100
DEATH_S = 60
HORIZONS = tuple(f"horizon{pair}" for pair in network.PAIRS)
GROUPS = tuple(CORE_LABELS[i : i + 3] for i in range(0, len(CORE_LABELS), 3))
Plan = Mapping[str, str]
"""Which process dies at which point."""


def die(whole_set: WholeSet, plan: Plan, passages: int) -> None:
    """Every process of the plan is started with its switch, and dies by it under load."""
    whole_set.wait_until_running(plan)  # who died last must not meet the switch before it is killed
    before = {name: whole_set.count_deaths(name, label) for name, label in plan.items()}
    for name, label in plan.items():
        whole_set.arm(name, label, passages)

    def has_died(name: str) -> bool:
        return whole_set.count_deaths(name, plan[name]) == before[name] + 1

    with whole_set.under_load(NAMES, "core1", PAYMENTS, RATE):
        for name in plan:
            whole_set.kill(name)
        assert wait_until(lambda: all(map(has_died, plan)), DEATH_S), f"not all die: {plan}"
    whole_set.check()


def get_horizon_plan(number: int) -> Plan:
    labels = (HORIZON_LABELS[(number + place) % len(HORIZON_LABELS)] for place in range(2))
    return dict(zip(HORIZONS, labels, strict=True))


@pytest.mark.faults
@pytest.mark.parametrize("label", CORE_LABELS)
def test_all_nodes_die_at_one_point(whole_set: WholeSet, label: str) -> None:
    number = CORE_LABELS.index(label)
    plan = {**dict.fromkeys(network.CORES, label), **get_horizon_plan(number)}
    die(whole_set, plan, passages=1 + number % 3)


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_nodes_die_at_different_points(
    whole_set: WholeSet, group: tuple[str, ...], later_round: int
) -> None:
    """One of four nodes goes on."""
    place = later_round % len(network.CORES)
    cores = [*network.CORES[place:], *network.CORES[:place]]
    number = GROUPS.index(group) + later_round
    plan = {**dict(zip(cores, group, strict=False)), **get_horizon_plan(number)}
    die(whole_set, plan, passages=2 + later_round)

"""Processes that kill themselves at labelled points between two durable steps, under load.

The supervisor starts them again without the switch. Wherever they died, nothing is lost and nothing
happens twice (`WholeDeployment.check`).
"""

from collections.abc import Mapping, Sequence

import pytest

from infra.local import network
from infra.local.processes import wait_until
from streams.kill_points import CORE_LABELS, HORIZON_LABELS
from tests.integration.conftest import NAMES
from tests.support.whole_deployment import WholeDeployment

PAYMENTS_MAX, RATE = 9_000, 100
DEATHS_S = 150
HORIZONS = tuple(f"horizon{pair}" for pair in network.PAIRS)
GROUPS = tuple(CORE_LABELS[i : i + 3] for i in range(0, len(CORE_LABELS), 3))
Plan = Mapping[str, Sequence[str]]
"""At which points each process dies: at the first when it was started again, and so on."""


def die(whole_deployment: WholeDeployment, plan: Plan, passages: int) -> None:
    """Every process of the plan is killed, and dies by its switches under load, one start after
    the other. At a point it dies at the `passages`-th passage, at the next one at another."""
    # Who died last must not meet the switch before it is killed.
    whole_deployment.wait_until_running(plan)
    deaths = [(name, label) for name, labels in plan.items() for label in labels]
    before = {each: whole_deployment.count_deaths(*each) for each in deaths}
    for name, labels in plan.items():
        switches = [f"{each}:{1 + (passages + n) % 3}" for n, each in enumerate(labels)]
        whole_deployment.arm(name, switches)

    def get_missing() -> list[tuple[str, str]]:
        return [e for e in deaths if whole_deployment.count_deaths(*e) != before[e] + 1]

    with whole_deployment.under_load(NAMES, "core1", PAYMENTS_MAX, RATE, ends_early=True):
        for name in plan:
            whole_deployment.kill(name)
        wait_until(lambda: not get_missing(), DEATHS_S)
        assert get_missing() == []
    whole_deployment.check()


def rotate(labels: Sequence[str], by: int) -> Sequence[str]:
    by %= len(labels)
    return [*labels[by:], *labels[:by]]


def get_horizon_plan(number: int) -> Plan:
    """Both die at every point, each in another order."""
    return {name: rotate(HORIZON_LABELS, number + n) for n, name in enumerate(HORIZONS)}


@pytest.mark.faults
@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_all_nodes_die_at_one_point(
    whole_deployment: WholeDeployment, group: tuple[str, ...]
) -> None:
    """All at the first of the group, then all at the second, then all at the third."""
    number = GROUPS.index(group)
    plan = {**dict.fromkeys(network.CORES, group), **get_horizon_plan(number)}
    die(whole_deployment, plan, passages=number)


def test_nodes_die_at_different_points(whole_deployment: WholeDeployment, later_round: int) -> None:
    """Three nodes are always at different points; one of four goes on."""
    cores = rotate(network.CORES, later_round)
    columns = [rotate(each, later_round) for each in GROUPS]
    plans = {core: [each[n] for each in columns] for n, core in enumerate(cores[:3])}
    die(whole_deployment, {**plans, **get_horizon_plan(later_round)}, passages=later_round)

"""Processes that kill themselves at labelled points between two durable steps, under load.

The supervisor starts them again without the switch. Wherever they died, nothing is lost and nothing
happens twice (`WholeDeployment.check`).
"""

from collections.abc import Mapping

import pytest

from infra.local import network
from infra.local.processes import wait_until
from streams.kill_points import CORE_LABELS, HORIZON_LABELS
from tests.integration.conftest import NAMES
from tests.support.whole_deployment import WholeDeployment

PAYMENTS, RATE = 400, 100
DEATH_S = 60
HORIZONS = tuple(f"horizon{pair}" for pair in network.PAIRS)
GROUPS = tuple(CORE_LABELS[i : i + 3] for i in range(0, len(CORE_LABELS), 3))
Plan = Mapping[str, str]
"""Which process dies at which point."""


def die(whole_deployment: WholeDeployment, plan: Plan, passages: int) -> None:
    """Every process of the plan is started with its switch, and dies by it under load."""
    whole_deployment.wait_until_running(
        plan
    )  # who died last must not meet the switch before it is killed
    before = {name: whole_deployment.count_deaths(name, label) for name, label in plan.items()}
    for name, label in plan.items():
        whole_deployment.arm(name, label, passages)

    def has_died(name: str) -> bool:
        return whole_deployment.count_deaths(name, plan[name]) == before[name] + 1

    with whole_deployment.under_load(NAMES, "core1", PAYMENTS, RATE):
        for name in plan:
            whole_deployment.kill(name)
        assert wait_until(lambda: all(map(has_died, plan)), DEATH_S), f"not all die: {plan}"
    whole_deployment.check()


def get_horizon_plan(number: int) -> Plan:
    labels = (HORIZON_LABELS[(number + place) % len(HORIZON_LABELS)] for place in range(2))
    return dict(zip(HORIZONS, labels, strict=True))


@pytest.mark.faults
@pytest.mark.parametrize("label", CORE_LABELS)
def test_all_nodes_die_at_one_point(whole_deployment: WholeDeployment, label: str) -> None:
    number = CORE_LABELS.index(label)
    plan = {**dict.fromkeys(network.CORES, label), **get_horizon_plan(number)}
    die(whole_deployment, plan, passages=1 + number % 3)


@pytest.mark.parametrize("group", GROUPS, ids=" ".join)
def test_nodes_die_at_different_points(
    whole_deployment: WholeDeployment, group: tuple[str, ...], later_round: int
) -> None:
    """One of four nodes goes on."""
    place = later_round % len(network.CORES)
    cores = [*network.CORES[place:], *network.CORES[:place]]
    number = GROUPS.index(group) + later_round
    plan = {**dict(zip(cores, group, strict=False)), **get_horizon_plan(number)}
    die(whole_deployment, plan, passages=2 + later_round)

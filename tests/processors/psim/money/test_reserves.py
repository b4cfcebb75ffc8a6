"""Proof of reserves over random schedules of withdrawals and sweeps: nothing is ever missing."""

from collections.abc import Callable
from typing import Any

import pytest

from processors.psim.reserves import rules, watch
from processors.psim.reserves.holdings import BitcoinHoldings, EthereumHoldings
from processors.psim.reserves.reporting import Reporting
from processors.psim.reserves.rules import LedgerFacts
from schemas.generated.events import ReserveItemKind
from tests.processors.psim.money.reserves import ReserveSchedule, ReserveWorld
from tests.processors.psim.plants import check_found
from tests.processors.psim.world import now

QUICK, SCHEDULES, REPORTS = 6, 300, 3_000
FAST, UNASKED = 13, 101
"""Schedules in which a transfer is committed after a ledger, and final before the report; and in
which two instances derive a report before they have looked for transfers."""


def run_schedules(first: int, count: int) -> int:
    """How many reports were agreed on. A failure names the seed."""
    reports = 0
    for seed in range(first, first + count):
        schedule = ReserveSchedule(seed)
        try:
            schedule.run()
        except AssertionError as error:
            raise AssertionError(f"ReserveSchedule({seed}): {error}") from error
        reports += len(schedule.world.agreed)
    return reports


@pytest.mark.slow
def test_schedules() -> None:
    assert run_schedules(0, QUICK) >= QUICK * REPORTS // SCHEDULES
    for seed in (FAST, UNASKED):
        ReserveSchedule(seed).run()


def test_what_a_reorganisation_undid_was_not_paid() -> None:
    world = ReserveWorld(1, "")
    world.begin()
    world.ask("BTC", 10**6)
    machine = world.machines[0]
    bitcoin, desk = machine.watches[0], machine.services[0][0].desks[0]  # type: ignore[attr-defined]
    world.run_until(lambda: bool(desk.found))
    (facts,) = bitcoin.find_facts(machine.view)

    def list_paid() -> list[str]:
        report = now(bitcoin.make_report(machine.view, facts, (desk.final,)))
        return [each.name for each in report.items if each.kind is ReserveItemKind.PAID]

    assert list_paid() == ["1"]
    desk.found.clear()
    assert list_paid() == []


@pytest.mark.faults
@pytest.mark.campaign
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("part", range(3))
def test_schedules_campaign(part: int, pytestconfig: pytest.Config) -> None:
    count = SCHEDULES // 30 * pytestconfig.getoption("--faults")
    assert run_schedules(1_000 * (part + 1), count) >= count * REPORTS // SCHEDULES


def plant_later_transfers_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was committed after the ledger of a report is left out of it."""
    real = rules.find_facts

    def find_facts(*about: Any) -> LedgerFacts:
        return real(*about)._replace(newest_transfer=2**63)

    monkeypatch.setattr(watch, "find_facts", find_facts)


def plant_closed_transfers_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has left the ledger before a report is derived is left out of it."""
    monkeypatch.setattr(watch.ReserveWatch, "note_ledger", Reporting.note_ledger)


def plant_transfers_are_not_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A block is reported on before transfers were looked for in it."""
    for reader in (BitcoinHoldings, EthereumHoldings):
        monkeypatch.setattr(reader, "knows_paid", lambda *_: True)


PLANTED = (
    plant_later_transfers_are_none,
    plant_closed_transfers_are_none,
    plant_transfers_are_not_looked_for,
)


@pytest.mark.border
@pytest.mark.parametrize("plant", PLANTED, ids=lambda each: each.__name__)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    check_found(ReserveSchedule, (FAST, UNASKED, *range(30)))

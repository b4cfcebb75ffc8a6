"""Runs every text scenario of `tests/scenarios/scp`; see `scenario` for how to read them."""

from pathlib import Path

import pytest

from tests.streams.consensus.scenario import read_scenarios, run

FOLDER = Path(__file__).parents[2] / "scenarios" / "scp"
FILES = {path.stem: read_scenarios(path) for path in sorted(FOLDER.glob("*.txt"))}
CASES = [(stem, name) for stem, scenarios in FILES.items() for name in scenarios.scenarios]


@pytest.mark.parametrize(("stem", "name"), CASES, ids=[f"{stem}: {name}" for stem, name in CASES])
def test_scenario(stem: str, name: str) -> None:
    expected, actual = [], []
    for step, lines in run(FILES[stem], name):
        where = f"{stem}.txt:{step.line_number}: {step.text}"
        expected += [where, *step.expected]
        actual += [where, *lines]
    assert actual == expected

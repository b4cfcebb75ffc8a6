"""PROTOCOL.md says what the code does: its program runs, and its tables are the code's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemas
from schemas.generated.common import AccessRule
from schemas.tasks import WITHDRAWAL_STEPS, Task
from streams.ledger.access.beginning import ACCOUNT_RULES, DEFAULT_SIGNER_RULES, SIGNER_RULES
from streams.ledger.genesis import GenesisSettings
from streams.ledger.operations.table import OPERATIONS

FOLDER = Path(schemas.__file__).parent
TEXT = (FOLDER / "PROTOCOL.md").read_text()
EXAMPLES = 13


def find_blocks() -> Iterator[tuple[str, str]]:
    """Name and code of each example."""
    for found in re.finditer(r"^```python (\w+)\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE):
        yield found[1], found[2]


def get_table(head: str) -> dict[str, str]:
    """First cell to second, of the table with this head."""
    rows = TEXT.partition(f"\n| {head} |\n")[2].partition("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]
    return {first: second for first, second, *_ in cells}


def test_the_program_runs_against_the_vectors() -> None:
    known: dict[str, Any] = {"SCHEMAS": FOLDER}
    ran = set()
    for name, code in find_blocks():
        exec(compile(code, f"PROTOCOL.md, {name}", "exec"), known)  # noqa: S102
        ran.add(name)
    assert len(ran) == EXAMPLES
    assert TEXT.count("```") == 2 * EXAMPLES, "a block is not run"


def test_settings_are_those_of_the_genesis() -> None:
    defaults = GenesisSettings()
    expected = {name: str(getattr(defaults, name)) for name in defaults.__struct_fields__}
    assert get_table("setting | value if left out") == expected


def show_rule(rule: AccessRule) -> str:
    given = {name: getattr(rule.resource, name) for name in rule.resource.__struct_fields__}
    named = ", ".join(f"{name} {str(v).lower()}" for name, v in given.items() if v is not None)
    resource = f"`{type(rule.resource).__name__}`{f' ({named})' if named else ''}"
    return f"{resource}, `{rule.action.name}`{', forbids' if rule.forbids else ''}".strip(" `")


def test_rules_are_those_of_the_genesis() -> None:
    rules = {"account": ACCOUNT_RULES, "signer": (*SIGNER_RULES, *DEFAULT_SIGNER_RULES)}
    for layer, expected in rules.items():
        listed = get_table(f"{layer} rule | resource, action")
        assert list(listed.items()) == [(name, show_rule(rule)) for name, rule in expected]


def test_every_operation_says_what_it_requires() -> None:
    assert set(get_table("operation | requires")) == {body.__name__ for body in OPERATIONS}


def test_steps_of_withdrawals_are_those_of_the_table() -> None:
    listed = get_table("task | cleared by | signed together by")
    assert listed == {each.task.name: each.operation for each in WITHDRAWAL_STEPS}


def test_tasks_are_those_of_the_table() -> None:
    assert get_table("bit | task") == {str(int(each)): each.name for each in Task}

"""PROTOCOL.md says what the code does: its program runs, and its tables are the code's."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import schemas
from streams.ledger.genesis import GENERAL_PERMISSIONS, GenesisSettings
from streams.ledger.operations.table import OPERATIONS

FOLDER = Path(schemas.__file__).parent
TEXT = (FOLDER / "PROTOCOL.md").read_text()
EXAMPLES = 12


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


def test_general_permissions_are_those_of_the_genesis() -> None:
    listed = get_table("entry | content")["AccountRole` 2, `general"]
    assert listed.split("`, `") == [each.name for each in GENERAL_PERMISSIONS]


def test_permissions_are_those_of_the_operations() -> None:
    table = get_table("operation | permission of source and signers")
    listed = {name: cell.partition("`")[0] for name, cell in table.items()}
    assert listed == {body.__name__: kind.permission.name for body, kind in OPERATIONS.items()}

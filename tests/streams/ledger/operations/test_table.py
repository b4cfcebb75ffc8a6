"""The table of operations is complete: schemas, code and tests name the same ones."""

from importlib import import_module
from pathlib import Path

import pytest

from schemas.generated import operations
from streams.ledger.operations.table import OPERATIONS

ROOT = Path(__file__).parents[4]
SCHEMAS, CODE, TESTS = (
    ROOT / "schemas/operations",
    ROOT / "streams/ledger/operations",
    ROOT / "tests/streams/ledger/operations",
)
STEMS = sorted(path.stem for path in SCHEMAS.glob("*.avsc"))


def test_schemas_code_and_tests_name_the_same_operations() -> None:
    code = {path.stem for path in CODE.glob("*.py")} - {"__init__", "table", "outcome"}
    tests = {path.stem.removeprefix("test_") for path in TESTS.glob("test_*.py")} - {"table"}
    assert set(STEMS) == code == tests
    assert len(OPERATIONS) == len(STEMS)


@pytest.mark.parametrize("stem", STEMS)
def test_every_code_of_an_operation_has_a_case(stem: str) -> None:
    name = "".join(word.capitalize() for word in stem.split("_"))
    cases = import_module(f"tests.streams.ledger.operations.test_{stem}").CASES
    codes = set(getattr(operations, f"{name}Code"))
    assert codes - {case.code for case in cases} == set()
    assert any(case.code is None for case in cases)
    assert {type(case.code) for case in cases} <= {type(None), getattr(operations, f"{name}Code")}

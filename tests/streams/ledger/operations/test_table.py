"""Every code of every operation is exercised."""

from importlib import import_module

import pytest

from schemas.contract import OPERATIONS as ROWS
from schemas.generated import operations

STEMS = [row.stem for row in ROWS]


@pytest.mark.parametrize("stem", STEMS)
def test_every_code_of_an_operation_has_a_case(stem: str) -> None:
    name = "".join(word.capitalize() for word in stem.split("_"))
    cases = import_module(f"tests.streams.ledger.operations.test_{stem}").CASES
    codes = set(getattr(operations, f"{name}Code"))
    assert codes - {case.code for case in cases} == set()
    assert any(case.code is None for case in cases)
    assert {type(case.code) for case in cases} <= {type(None), getattr(operations, f"{name}Code")}

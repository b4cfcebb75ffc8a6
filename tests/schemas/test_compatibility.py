"""What may change once schemas are released, and what may not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from schemas.compatibility import find_breaks
from schemas.generate import load_schemas

Change = Callable[[dict[str, Any]], None]


def add_symbol(schemas: dict[str, Any]) -> None:
    schemas["operations.PaymentCode"]["symbols"].append("NEW")
    schemas["operations.PaymentCode"]["symbolDocs"]["NEW"] = "New."


def add_branch(schemas: dict[str, Any]) -> None:
    schemas["transactions.Operation"]["fields"][1]["type"].append("operations.PaymentFeeData")


def reword(schemas: dict[str, Any]) -> None:
    schemas["operations.Payment"]["doc"] = "Other words."
    schemas["operations.Payment"]["fields"][0]["doc"] = "Other words."


def add_type(schemas: dict[str, Any]) -> None:
    schemas["operations.New"] = {"type": "record", "name": "New", "fields": []}


def remove_type(schemas: dict[str, Any]) -> None:
    del schemas["operations.Payment"]


def move_symbol(schemas: dict[str, Any]) -> None:
    schemas["operations.PaymentCode"]["symbols"].reverse()


def add_field(schemas: dict[str, Any]) -> None:
    schemas["operations.Payment"]["fields"].append({"name": "new", "type": "int", "doc": "New."})


def move_branch(schemas: dict[str, Any]) -> None:
    schemas["transactions.Operation"]["fields"][1]["type"].reverse()


def loosen_bound(schemas: dict[str, Any]) -> None:
    schemas["operations.Payment"]["fields"][4]["maxLength"] += 1


def resize(schemas: dict[str, Any]) -> None:
    schemas["common.Amount"]["size"] = 32


@pytest.mark.parametrize("change", [add_symbol, add_branch, reword, add_type])
def test_additions_are_compatible(change: Change) -> None:
    old, new = load_schemas(), copy.deepcopy(load_schemas())
    change(new)
    assert find_breaks(old, new) == []


@pytest.mark.parametrize(
    "change", [remove_type, move_symbol, add_field, move_branch, loosen_bound, resize]
)
def test_everything_else_is_not(change: Change) -> None:
    old, new = load_schemas(), copy.deepcopy(load_schemas())
    change(new)
    assert len(find_breaks(old, new)) == 1

"""The contract's types as data: for whatever is made from them at run time (JSON, tables).

It reads `generated/contract.json`, in which every named type stands under its full name, with its
folder, and finds the generated class of each.
"""

import json
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "generated" / "contract.json"


@cache
def load_contract() -> Mapping[str, Any]:
    """Every named type by its full name."""
    contract: Mapping[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return contract


@cache
def get_class(full_name: str) -> Any:
    """The generated record, enum or new type."""
    folder, _, name = full_name.partition(".")
    return getattr(import_module(f"schemas.generated.{folder}"), name)


@cache
def get_schema(kind: Any) -> Mapping[str, Any]:
    """The schema of a generated record or enum."""
    folder = kind.__module__.rpartition(".")[2]
    schema: Mapping[str, Any] = load_contract()[f"{folder}.{kind.__name__}"]
    return schema


def resolve(avro: str, folder: str) -> tuple[str, Mapping[str, Any]]:
    """Full name and schema of a named type, as a type of `folder` names it."""
    full_name = avro if "." in avro else f"{folder}.{avro}"
    return full_name, load_contract()[full_name]

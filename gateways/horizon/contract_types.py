"""Types of the contract in OpenAPI: what a member holds that shows a value of the ledger."""

from typing import Any

import msgspec

from schemas.assembly import get_entries
from schemas.description import load_contract, resolve
from schemas.json_schema import make_json_schema

REFERENCE, DEFINITION = "#/components/schemas/", "#/$defs/"
SHOWN = (
    "ledger.LedgerHeader",
    "ledger.Certificate",
    "ledger.LedgerEntry",
    "ledger.ParticipantEffect",
    "transactions.Transaction",
    "events.ReserveReport",
    *get_entries(),
)
# Unions of records that are shown without the type beside their members.
UNIONS = {
    "operation": ("transactions.Operation", "body"),
    "outcome": ("transactions.OperationResult", "outcome"),
}


def shows(full_name: str) -> msgspec.Meta:
    """The member is the value in readable JSON."""
    return msgspec.Meta(extra_json_schema={"$ref": REFERENCE + _get_name(full_name)})


def shows_one_of(union: str) -> msgspec.Meta:
    """The member is a record of one of `UNIONS`."""
    branches = [{"$ref": REFERENCE + _get_name(each)} for each in _get_records(union)]
    return msgspec.Meta(extra_json_schema={"anyOf": branches})


def make_schemas() -> dict[str, Any]:
    """By name, for `components` of OpenAPI."""
    names = {*SHOWN, *(each for union in UNIONS for each in _get_records(union))}
    return {
        name: _refer(definition)
        for name, definition in make_json_schema(*sorted(names))["$defs"].items()
    }


def _get_name(full_name: str) -> str:
    return full_name.partition(".")[2]


def _get_records(union: str) -> list[str]:
    full_name, member = UNIONS[union]
    schema = load_contract()[full_name]
    (branches,) = (each["type"] for each in schema["fields"] if each["name"] == member)
    resolved = [resolve(each, schema["folder"]) for each in branches]
    return [name for name, each in resolved if each["type"] == "record"]


def _refer(definition: Any) -> Any:
    """With references into OpenAPI's components."""
    if isinstance(definition, dict):
        return {name: _refer(each) for name, each in definition.items()}
    if isinstance(definition, list):
        return [_refer(each) for each in definition]
    if isinstance(definition, str) and definition.startswith(DEFINITION):
        return REFERENCE + definition.removeprefix(DEFINITION)
    return definition

"""Puts the contract together: the table's members become unions, keys and reference kinds.

A hand-written schema says `"@operations"`, `"@outcomes"`, `"@requests"`, `"@governed"`,
`"@entries"` or `"@keys"` where a union of the table's members belongs. An entry's attribute `key`
lists the fields that name it; the record of its key is made from them.
"""

import re
from collections.abc import Sequence
from typing import Any

from schemas import contract
from schemas.contract import Row

Schema = Any
Named = dict[str, dict[str, Schema]]
SMALL = 64  # an index or a length below is one byte, twice itself
INDEXES_MAX = 8_192  # of two bytes
PRIMITIVES = ("null", "boolean", "int", "long", "string", "bytes")


class SchemaError(Exception):
    """A schema breaks a rule of ours; the message names it."""


def get_full_name(name: str, folder: str) -> str:
    return name if "." in name else f"{folder}.{name}"


def get_type_name(stem: str) -> str:
    """`create_account` names the type `CreateAccount`."""
    return "".join(word.capitalize() for word in stem.split("_"))


def get_stem(type_name: str) -> str:
    """`CreateAccount` is called `create_account` in JSON, tables and file names."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type_name).lower()


def assemble(named: Named) -> Named:
    """`named`: the hand-written types by full name. Raises `SchemaError`."""
    for table in (contract.OPERATIONS, contract.REQUESTS, contract.ENTRIES):
        _check_numbers(table)
    if len(contract.ENTRIES) > contract.ENTRIES_MAX:
        raise SchemaError(f"more than {contract.ENTRIES_MAX} kinds of entry")
    keys = {f"entries.{key['name']}": key for key in _make_keys(named)}
    assembled = {**named, **keys}
    unions = _make_unions(assembled)
    return {name: _resolve(schema, unions) for name, schema in assembled.items()}


def get_entries() -> list[str]:
    """Full names of the kinds of entry, by number."""
    return [f"entries.{get_type_name(row.stem)}" for row in contract.ENTRIES]


def get_operations() -> list[str]:
    """Full names of the operations' bodies, by number."""
    return [f"operations.{get_type_name(row.stem)}" for row in contract.OPERATIONS]


def _check_numbers(table: Sequence[Row]) -> None:
    for index, row in enumerate(table):
        if row.number != index:
            raise SchemaError(f"{row.stem} has the number {row.number} where {index} is due")


def _make_unions(named: Named) -> dict[str, list[str]]:
    operations = get_operations()
    requests = [f"requests.{get_type_name(row.stem)}Request" for row in contract.REQUESTS]
    outcomes = ["transactions.OperationCode"]
    for body in operations:
        outcomes += [f"{body}Result", f"{body}Code"]
    keys = [f"{entry}Key" for entry in get_entries()]
    unions = {
        "@operations": operations,
        "@outcomes": outcomes,
        "@requests": requests,
        "@governed": [f"operations.{get_type_name(stem)}" for stem in contract.GOVERNED],
        "@entries": get_entries(),
        "@keys": keys,
    }
    for name, members in unions.items():
        for member in members:
            if member not in named:
                folder, _, type_name = member.partition(".")
                raise SchemaError(
                    f"the union {name} lacks {type_name}: define it in schemas/{folder}"
                )
    return unions


def _resolve(schema: dict[str, Schema], unions: dict[str, list[str]]) -> dict[str, Schema]:
    if "fields" not in schema:
        return schema
    fields = [
        {**each, "type": unions[each["type"]]}
        if isinstance(each["type"], str) and each["type"].startswith("@")
        else each
        for each in schema["fields"]
    ]
    return {**schema, "fields": fields}


def _make_keys(named: Named) -> list[dict[str, Schema]]:
    keys = []
    for row in contract.ENTRIES:
        name = get_type_name(row.stem)
        entry = named.get(f"entries.{name}")
        if entry is None or "key" not in entry:
            raise SchemaError(
                f"write schemas/entries/{row.stem}.avsc with a record {name} that has a `key`"
            )
        keys.append(
            {
                "name": f"{name}Key",
                "type": "record",
                "doc": f"Names {'the only' if not entry['key'] else 'one'} {name}.",
                "folder": "entries",
                "fields": [_get_key_field(named, entry, path) for path in entry["key"]],
            }
        )
    return keys


def _get_key_field(named: Named, entry: dict[str, Schema], path: str) -> dict[str, Schema]:
    record, field = entry, None
    for step in path.split("."):
        if field is not None:
            record = named[get_full_name(field["type"], record["folder"])]
        field = next((each for each in record["fields"] if each["name"] == step), None)
        if field is None:
            raise SchemaError(f"{entry['name']}: its key names {path}, which it does not have")
    if field is None:
        raise SchemaError(f"{entry['name']}: an empty name stands in its key")
    kept = ("minimum", "maximum", "maxLength", "doc")
    bounds = {name: field[name] for name in kept if name in field}
    return {"name": field["name"], "type": qualify(field["type"], record["folder"]), **bounds}


def qualify(avro: Schema, folder: str) -> Schema:
    """The same type with full names, as a type of `folder` names it."""
    if isinstance(avro, list):
        return [qualify(branch, folder) for branch in avro]
    if isinstance(avro, dict):
        return {**avro, "items": qualify(avro["items"], folder)}
    return avro if avro in PRIMITIVES else get_full_name(avro, folder)


def encode_index(index: int) -> bytes:
    """A union branch as it is written: one byte, or two from the 65th member on."""
    if index >= INDEXES_MAX:
        raise SchemaError(f"a union has more than {INDEXES_MAX} members")
    value = 2 * index
    return bytes([value]) if index < SMALL else bytes([value & 0x7F | 0x80, value >> 7])

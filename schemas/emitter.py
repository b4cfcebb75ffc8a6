"""Turns the named types of one schema folder into a Python module's source.

A record becomes an immutable struct with a strict reader and writer made of `schemas.binary`'s
primitives, an enum an Enum whose values are the symbols' indexes, a fixed a NewType.
"""

import textwrap

from schemas.assembly import (
    PRIMITIVES,
    SMALL,
    Schema,
    SchemaError,
    encode_index,
    get_full_name,
)

DEFAULT_BOUNDS = {"int": (-(1 << 31), (1 << 31) - 1), "long": (-(1 << 63), (1 << 63) - 1)}


class Generator:
    """Turns the named types of one folder into Python source."""

    def __init__(self, named: dict[str, dict[str, Schema]], folder: str) -> None:
        self.named = named
        self.folder = folder
        self.imports: set[tuple[str, str]] = set()
        self.constants: list[str] = []
        self.current = ""  # the record being emitted

    def resolve(self, name: str) -> dict[str, Schema]:
        full_name = get_full_name(name, self.folder)
        if full_name not in self.named:
            raise SchemaError(f"{self.folder}: unknown type {name}")
        return self.named[full_name]

    def use(self, schema: dict[str, Schema], prefix: str = "") -> str:
        name = f"{prefix}{schema['name']}"
        if schema["folder"] != self.folder:
            self.imports.add((schema["folder"], name))
        return name

    def is_recursive(self, schema: dict[str, Schema]) -> bool:
        wanted = {schema["name"], f"{schema['folder']}.{schema['name']}"}
        return any(
            isinstance(f["type"], dict) and f["type"].get("items") in wanted
            for f in schema.get("fields", ())
        )

    def get_plain_size(self, avro: Schema) -> int | None:
        """Of a fixed that is carried as bytes; None for anything else."""
        if not isinstance(avro, str) or avro in PRIMITIVES:
            return None
        schema = self.resolve(avro)
        is_plain = schema["type"] == "fixed" and not schema.get("integer")
        return int(schema["size"]) if is_plain else None

    def annotation(self, avro: Schema) -> str:
        if isinstance(avro, list):
            return " | ".join(self.annotation(branch) for branch in avro)
        if isinstance(avro, dict):
            return f"tuple[{self.annotation(avro['items'])}, ...]"
        simple = {"null": "None", "boolean": "bool", "int": "int", "long": "int"}
        simple |= {"string": "str", "bytes": "bytes"}
        return simple.get(avro) or self.use(self.resolve(avro))

    # Each of the next two returns source lines that read into, or write from, one expression.

    def read_lines(self, avro: Schema, bounds: dict[str, Schema], target: str) -> list[str]:
        if isinstance(avro, list):
            return self.read_union_lines(avro, bounds, target)
        if isinstance(avro, dict):
            item, items_max = f"{target}_item", bounds.get("maxItems", 1 << 20)
            size = self.get_plain_size(avro["items"])
            if size is not None:
                cut = f"data[i : i + {size}] for i in range(at, end, {size})"
                return [
                    f"count, at = read_count(data, at, {items_max})",
                    f"end = at + {size} * count",
                    f"{target} = tuple([{cut}])",
                    "at = read_array_end(data, end) if count else end",
                ]
            inner = self.read_lines(avro["items"], bounds, item)
            return [
                f"count, at = read_count(data, at, {items_max})",
                f"{target}_list = []",
                "if count:",
                f"    for _ in range(count):  # {target}",
                *(f"        {line}" for line in inner),
                f"        {target}_list.append({item})",
                "    at = read_array_end(data, at)",
                f"{target} = tuple({target}_list)",
            ]
        if avro in DEFAULT_BOUNDS:
            low, high = DEFAULT_BOUNDS[avro]
            low, high = bounds.get("minimum", low), bounds.get("maximum", high)
            return [f"{target}, at = read_bounded(data, at, {low}, {high})"]
        if avro == "boolean":
            return [f"{target}, at = read_boolean(data, at)"]
        if avro in ("string", "bytes"):
            return read_text_lines(avro, bounds["maxLength"], target)
        return self.read_named_lines(self.resolve(avro), target)

    def read_named_lines(self, schema: dict[str, Schema], target: str) -> list[str]:
        if schema["type"] == "fixed":
            cut = f"data[at : at + {schema['size']}]"
            value = f"from_bytes({cut})" if schema.get("integer") else cut
            return [f"{target} = {value}", f"at += {schema['size']}"]
        depth = ", depth + 1" if schema["name"] == self.current else ""
        return [f"{target}, at = {self.use(schema, 'read_')}(data, at{depth})"]

    def read_union_lines(
        self, avro: list[Schema], bounds: dict[str, Schema], target: str
    ) -> list[str]:
        if avro[0] == "null" and len(avro) == 2:
            inner = self.read_lines(avro[1], bounds, target)
            return [
                f"{target}: {self.annotation(avro)} = None",
                *read_index_lines("branch", 2),
                "at += 1",
                "if branch:",
                *(f"    {line}" for line in inner),
            ]
        is_optional = avro[0] == "null"
        names = [self.use(self.resolve(branch), "read_") for branch in avro if branch != "null"]
        if len(names) + is_optional != len(avro):
            raise SchemaError(f"{self.folder}: null is not the first branch of a union")
        table = f"READERS_{len(self.constants)}"
        annotation = self.annotation(avro)
        lines = "".join(f"    {name},\n" for name in names)
        self.constants.append(
            f"{table}: tuple[Callable[[Any, int], tuple[{annotation}, int]], ...] = (\n{lines})"
        )
        if is_optional:
            return [
                f"{target}: {annotation} = None",
                *read_index_lines("branch", len(avro)),
                "at += 1",
                "if branch:",
                f"    {target}, at = {table}[(branch >> 1) - 1](data, at)",
            ]
        if len(names) > SMALL:
            return [
                f"branch, at = read_index(data, at, {len(names)})",
                f"{target}, at = {table}[branch](data, at)",
            ]
        return [
            *read_index_lines("branch", len(names)),
            f"{target}, at = {table}[branch >> 1](data, at + 1)",
        ]

    def write_lines(self, avro: Schema, bounds: dict[str, Schema], source: str) -> list[str]:
        if isinstance(avro, list):
            return self.write_union_lines(avro, bounds, source)
        if isinstance(avro, dict):
            item = f"f_{source.removeprefix('value.')}_item"
            size = self.get_plain_size(avro["items"])
            if size is not None:
                return [
                    f"write_fixed_array({source}, out, {bounds.get('maxItems', 1 << 20)}, {size})"
                ]
            return [
                f"write_count(len({source}), out, {bounds.get('maxItems', 1 << 20)})",
                f"if {source}:",
                f"    for {item} in {source}:",
                *(f"        {line}" for line in self.write_lines(avro["items"], bounds, item)),
                "    out.append(0)",
            ]
        if avro in DEFAULT_BOUNDS:
            low, high = DEFAULT_BOUNDS[avro]
            low, high = bounds.get("minimum", low), bounds.get("maximum", high)
            return [f"write_bounded({source}, out, {low}, {high})"]
        if avro == "boolean":
            return [f"write_boolean({source}, out)"]
        if avro in ("string", "bytes"):
            return [f"write_{avro}({source}, out, {bounds['maxLength']})"]
        schema = self.resolve(avro)
        if schema["type"] == "fixed":
            size = schema["size"]
            if schema.get("integer"):
                return [f"write_unsigned({source}, out, {size})"]
            return [
                f"if type({source}) is not bytes or len({source}) != {size}:",
                f'    raise Unencodable("expected {size} bytes")',
                f"out += {source}",
            ]
        depth = ", depth + 1" if schema["name"] == self.current else ""
        return [f"{self.use(schema, 'write_')}({source}, out{depth})"]

    def write_union_lines(
        self, avro: list[Schema], bounds: dict[str, Schema], source: str
    ) -> list[str]:
        if avro[0] == "null":
            if len(avro) == 2:
                inner = ["out.append(2)", *self.write_lines(avro[1], bounds, source)]
            else:
                inner = self.write_branch_lines(avro, source)
            return [
                f"if {source} is None:",
                "    out.append(0)",
                "else:",
                *(f"    {line}" for line in inner),
            ]
        return self.write_branch_lines(avro, source)

    def write_branch_lines(self, avro: list[Schema], source: str) -> list[str]:
        """Writes a value that is not None by the table of its union's branches."""
        table = f"WRITERS_{len(self.constants)}"
        lines = ""
        for index, branch in enumerate(avro):
            if branch == "null":
                continue
            schema = self.resolve(branch)
            prefix = encode_index(index)
            lines += f"    {self.use(schema)}: ({prefix!r}, {self.use(schema, 'write_')}),\n"
        self.constants.append(
            f"{table}: dict[type, tuple[bytes, Callable[[Any, bytearray], None]]] = {{\n{lines}}}"
        )
        return [
            "try:",
            f"    branch, write = {table}[type({source})]",
            "except KeyError:",
            f"    raise get_branch_error({source}) from None",
            "out += branch",
            f"write({source}, out)",
        ]

    def emit(self, schema: dict[str, Schema]) -> str:
        emitters = {"fixed": self.emit_fixed, "enum": self.emit_enum, "record": self.emit_record}
        return emitters[schema["type"]](schema)

    def emit_fixed(self, schema: dict[str, Schema]) -> str:
        base = "int" if schema.get("integer") else "bytes"
        if schema.get("alias"):  # plain arithmetic quantities, see common.avsc
            return f"{schema['name']}: TypeAlias = {base}\n{doc_string(schema['doc'], '')}\n"
        name, doc = schema["name"], doc_string(schema["doc"], "")
        return f'{name} = NewType("{name}", {base})\n{doc}\n'

    def emit_enum(self, schema: dict[str, Schema]) -> str:
        name, count = schema["name"], len(schema["symbols"])
        if count > SMALL:
            reads = [f"index, at = read_index(data, at, {count})", f"return ALL_{name}[index], at"]
            write = "write_long(value.value, out)"
        else:
            write = "out.append(2 * value.value)"
            reads = [*read_index_lines("index", count), f"return ALL_{name}[index >> 1], at + 1"]
        members = "".join(
            f"    {symbol} = {index}\n{doc_string(schema['symbolDocs'][symbol])}\n"
            for index, symbol in enumerate(schema["symbols"])
        )
        return f"""class {name}(Enum):
{doc_string(schema["doc"])}

{members}

ALL_{name} = tuple({name})


def read_{name}(data: Any, at: int) -> tuple[{name}, int]:
{indent(reads)}


def write_{name}(value: {name}, out: bytearray) -> None:
    if type(value) is not {name}:
        raise Unencodable(f"{{value!r}} is not a {name}")
    {write}
"""

    def emit_record(self, schema: dict[str, Schema]) -> str:
        name, fields = schema["name"], schema["fields"]
        recursive = self.is_recursive(schema)
        self.current = name
        attributes = "".join(
            f"    {f['name']}: {self.annotation(f['type'])}\n{doc_string(f['doc'])}\n"
            for f in fields
        )
        reads = [line for f in fields for line in self.read_lines(f["type"], f, f"f_{f['name']}")]
        writes = [
            line for f in fields for line in self.write_lines(f["type"], f, f"value.{f['name']}")
        ]
        depth = ", depth: int = 0" if recursive else ""
        read_check = ["check_depth(depth, Malformed)"] if recursive else []
        write_check = ["check_depth(depth, Unencodable)"] if recursive else []
        arguments = ", ".join(f"f_{f['name']}" for f in fields)
        return f"""class {name}(Record, frozen=True):
{doc_string(schema["doc"])}

{attributes}

def read_{name}(data: Any, at: int{depth}) -> tuple[{name}, int]:
{indent([*read_check, *reads, f"return {name}({arguments}), at"])}


def write_{name}(value: {name}, out: bytearray{depth}) -> None:
{indent([*write_check, *writes] or ["del value, out"])}
"""

    def emit_module(self) -> str:
        schemas = [schema for schema in self.named.values() if schema["folder"] == self.folder]
        body = "\n\n".join(self.emit(schema) for schema in order_by_use(schemas, self.folder))
        coded = [schema["name"] for schema in schemas if schema["type"] != "fixed"]
        readers = "".join(f"    {name}: read_{name},\n" for name in coded)
        writers = "".join(f"    {name}: write_{name},\n" for name in coded)
        imports = "".join(
            f"from schemas.generated.{folder} import {name} as {name}\n"
            for folder, name in sorted(self.imports)
        )
        constants = "\n\n".join(self.constants)
        return f'''"""The named types of `schemas/{self.folder}`.

Generated by `python -m schemas.generate`.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, NewType, TypeAlias

from schemas.binary import *
from schemas.binary import Malformed, Unencodable
{imports}

{body}

{constants}

READERS: dict[type, Callable[[Any, int], tuple[Any, int]]] = {{
{readers}}}

WRITERS: dict[type, Callable[[Any, bytearray], None]] = {{
{writers}}}
'''


def read_index_lines(target: str, count: int) -> list[str]:
    """Reads the byte of one of `count` branches or symbols, twice its index, and stays there."""
    return [
        f"{target} = data[at]",
        f"if {target} & 1 or {target} > {2 * count - 2}:",
        f"    read_bounded(data, at, 0, {count - 1})  # raises",
    ]


def read_text_lines(avro: str, maximum: int, target: str) -> list[str]:
    """A short one, whose length is one byte, is cut here: most are, and a call costs as much."""
    slow = f"{target}, at = read_{avro}(data, at, {maximum})"
    if maximum < SMALL - 1:
        return [slow]
    cut = "data[at + 1 : end]" + (".decode()" if avro == "string" else "")
    return [
        "length = data[at]",
        "if length & 0x81:",
        f"    {slow}",
        "else:",
        "    end = at + 1 + (length >> 1)",
        f"    {target} = {cut}",
        "    at = end",
    ]


def doc_string(text: str, margin: str = "    ") -> str:
    lines = textwrap.wrap(text, 96 - len(margin))
    if len(lines) == 1:
        return f'{margin}"""{text}"""'
    return f'{margin}"""' + f"\n{margin}".join(lines) + f'\n{margin}"""'


def indent(lines: list[str]) -> str:
    return "\n".join(f"    {line}" for line in lines)


def get_used_names(avro: Schema) -> set[str]:
    if isinstance(avro, list):
        return set().union(*(get_used_names(branch) for branch in avro))
    if isinstance(avro, dict):
        return get_used_names(avro["items"])
    return {avro}


def order_by_use(schemas: list[dict[str, Schema]], folder: str) -> list[dict[str, Schema]]:
    """Definitions before uses, otherwise in the order of the files."""
    by_name = {schema["name"]: schema for schema in schemas}
    ordered: dict[str, dict[str, Schema]] = {}

    def place(schema: dict[str, Schema]) -> None:
        if schema["name"] in ordered:
            return
        for entry in schema.get("fields", ()):
            for used in sorted(get_used_names(entry["type"])):
                name = used.removeprefix(f"{folder}.")
                if name in by_name and name != schema["name"]:
                    place(by_name[name])
        ordered[schema["name"]] = schema

    for schema in schemas:
        place(schema)
    return list(ordered.values())

"""Tables of flat entries: columns, rows and the way back, made from the contract.

An entry is flat if its fields are primitives, fixed bytes, enums, arrays of fixed bytes, or records
of such. A nested record's fields become columns of their own names. Strings that may hold U+0000,
which PostgreSQL's text cannot, are bytea in UTF-8. Pure; it knows no database.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from schemas.assembly import get_type_name
from schemas.contract import ENTRIES
from schemas.description import get_class, load_contract, resolve

Row = tuple[Any, ...]
Convert = Callable[[Any], Any]


class StateTable(NamedTuple):
    """A table of current state. `columns` and `types` leave out `changed_in`, which is the last.

    `branch`: the first byte of its entries' keys; None for the table that takes every other kind.
    `get_row`: an entry's columns. `get_key_row`: the primary key's columns from a LedgerKey.
    `get_entry`: the entry of a row. `options`: SQL after the definition. `indexes`: beside the key.
    """

    name: str
    branch: int | None
    key_columns: tuple[str, ...]
    columns: tuple[str, ...]
    types: tuple[str, ...]
    nullable: frozenset[str]
    get_row: Callable[[Any], Row]
    get_key_row: Callable[[Any], Row]
    get_entry: Callable[[Row], Any]
    options: str = ""
    indexes: tuple[tuple[str, ...], ...] = ()


class NotFlat(TypeError):
    """The entry has a field that no column can hold: write its table by hand."""


class _Column(NamedTuple):
    path: str
    type: str
    is_nullable: bool
    encode: Convert | None  # None: as it is
    decode: Convert | None


def make_flat_table(
    stem: str, name: str, indexes: Sequence[tuple[str, ...]] = (), options: str = ""
) -> StateTable:
    """The table of the entries called `stem` in the contract. Raises `NotFlat`."""
    (number,) = (row.number for row in ENTRIES if row.stem == stem)
    full_name = f"entries.{get_type_name(stem)}"
    schema = load_contract()[full_name]
    columns = _get_columns(schema, "")
    by_path = {column.path: column for column in columns}
    key_columns = [by_path[path] for path in schema["key"]]
    key_names = tuple(field["name"] for field in load_contract()[f"{full_name}Key"]["fields"])
    return StateTable(
        name=name,
        branch=2 * number,
        key_columns=tuple(map(_get_name, key_columns)),
        columns=tuple(map(_get_name, columns)),
        types=tuple(column.type for column in columns),
        nullable=frozenset(_get_name(column) for column in columns if column.is_nullable),
        get_row=_make_getter([c.path for c in columns], [c.encode for c in columns]),
        get_key_row=_make_getter(key_names, [c.encode for c in key_columns]),
        get_entry=_make_entry_maker(full_name, columns),
        options=options,
        indexes=tuple(indexes),
    )


def _get_name(column: _Column) -> str:
    return column.path.rpartition(".")[2]


def _get_columns(schema: Any, prefix: str) -> list[_Column]:
    columns = []
    for field in schema["fields"]:
        path, avro = f"{prefix}{field['name']}", field["type"]
        is_nullable = isinstance(avro, list) and len(avro) == 2 and avro[0] == "null"
        if is_nullable:
            avro = avro[1]
        nested = _get_record(avro, schema["folder"])
        if nested is not None and not is_nullable:
            columns += _get_columns(nested, f"{path}.")
        else:
            type_, encode, decode = _get_conversion(avro, field, schema["folder"])
            if is_nullable:
                encode, decode = _make_optional(encode), _make_optional(decode)
            columns.append(_Column(path, type_, is_nullable, encode, decode))
    return columns


def _get_record(avro: Any, folder: str) -> Any:
    if not isinstance(avro, str) or avro in PRIMITIVES:
        return None
    schema = resolve(avro, folder)[1]
    return schema if schema["type"] == "record" else None


PRIMITIVES: dict[str, str] = {
    "boolean": "boolean",
    "int": "integer",
    "long": "bigint",
    "bytes": "bytea",
    "string": "bytea",
}


def _get_conversion(
    avro: Any, field: Any, folder: str
) -> tuple[str, Convert | None, Convert | None]:
    """Column type, how a value becomes one of the column, and the way back."""
    if avro == "string":
        return ("text", None, None) if field.get("ascii") else ("bytea", str.encode, bytes.decode)
    if isinstance(avro, str) and avro in PRIMITIVES:
        return PRIMITIVES[avro], None, None
    if isinstance(avro, dict) and isinstance(avro.get("items"), str):
        item = avro["items"]
        schema = None if item in PRIMITIVES else resolve(item, folder)[1]
        if schema is not None and schema["type"] == "fixed" and not schema.get("integer"):
            size = schema["size"]
            return "bytea", b"".join, lambda raw: _split(raw, size)
    if isinstance(avro, str):
        full_name, schema = resolve(avro, folder)
        if schema["type"] == "enum":
            return "text", attrgetter("name"), get_class(full_name).__getitem__
        if schema["type"] == "fixed":
            digits = 39 if schema["size"] > 8 else 20
            return (f"numeric({digits})" if schema.get("integer") else "bytea"), None, None
    raise NotFlat(f"{field['name']}: no column holds {avro}")


def _split(raw: bytes, size: int) -> tuple[bytes, ...]:
    return tuple(raw[at : at + size] for at in range(0, len(raw), size))


def _make_optional(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _make_getter(paths: Sequence[str], converts: Sequence[Convert | None]) -> Callable[[Any], Row]:
    one = attrgetter(*paths)
    if all(convert is None for convert in converts):
        return one if len(paths) > 1 else lambda value: (one(value),)
    if len(paths) == 1:
        (only,) = converts
        return lambda value: (one(value) if only is None else only(one(value)),)

    def get(value: Any) -> Row:
        return tuple(
            each if convert is None else convert(each)
            for each, convert in zip(one(value), converts, strict=True)
        )

    return get


def _make_entry_maker(full_name: str, columns: Sequence[_Column]) -> Callable[[Row], Any]:
    places = {column.path: place for place, column in enumerate(columns)}

    def make(row: Row, name: str, prefix: str) -> Any:
        values = []
        for field in load_contract()[name]["fields"]:
            path = f"{prefix}{field['name']}"
            place = places.get(path)
            if place is None:
                nested, _ = resolve(field["type"], load_contract()[name]["folder"])
                values.append(make(row, nested, f"{path}."))
                continue
            decode = columns[place].decode
            values.append(row[place] if decode is None else decode(row[place]))
        return get_class(name)(*values)

    return lambda row: make(row, full_name, "")


def get_definition(table: StateTable, schema: str) -> str:
    """The SQL that makes the table and its indexes in `schema`."""
    lines = []
    for column, type_ in zip(table.columns, table.types, strict=True):
        collation = ' COLLATE "C"' if type_ == "text" else ""
        rule = "" if column in table.nullable else " NOT NULL"
        lines.append(f"    {column} {type_}{collation}{rule},\n")
    text = (
        f"CREATE TABLE {schema}.{table.name} (\n{''.join(lines)}"
        f"    changed_in bigint NOT NULL,  -- the ledger of its last change\n"
        f"    PRIMARY KEY ({', '.join(table.key_columns)})\n){table.options};\n"
    )
    for index in table.indexes:
        name = f"{table.name}_{index[0]}"
        text += f"CREATE INDEX {name} ON {schema}.{table.name} ({', '.join(index)});\n"
    return text

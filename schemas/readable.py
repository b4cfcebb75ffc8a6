"""Readable JSON of the contract's values, in and out, made from the schemas. Pure.

Accounts and keys are G..., balances B..., hashes and signatures hex, other bytes base64, 64-bit
numbers decimal strings, enums their symbols, opaque JSON itself, amounts decimals of their asset
(`amount_of` in the schemas). A member of a union of records says its `type`. Reading is strict:
unknown members, wrong types and values outside of the bounds are refused with their path.
"""

from collections.abc import Callable, Hashable, Iterator, Mapping
from enum import Enum
from functools import cache
from typing import Any, NamedTuple

from schemas.assembly import PRIMITIVES, get_stem
from schemas.description import get_class, get_schema, resolve
from schemas.readable_scalars import (
    Converter,
    Scales,
    Unreadable,
    describe,
    join,
    make_bytes_converter,
    make_fixed_converter,
    read_boolean,
    read_integer,
    read_text,
    show_account,
    show_balance,
    show_json_text,
    show_same,
)

__all__ = [
    "Scales",
    "Unreadable",
    "find_assets",
    "find_balances",
    "read_value",
    "show_account",
    "show_balance",
    "show_json_text",
    "show_value",
]

Rule = Callable[[Any, Scales], int | None]


class _Field(NamedTuple):
    name: str
    converter: Converter
    rule: Rule | None  # of amounts: the decimals, from the record's other fields
    has_default: bool
    default: Any


def show_value(value: Any, scales: Scales, digits: int | None = None) -> Any:
    """A generated record or enum as JSON. An amount whose asset nobody knows becomes null."""
    kind: Any = type(value)
    return _get_converter(kind).show(value, scales, digits)


def read_value(
    kind: type, document: Any, scales: Scales, digits: int | None = None, path: str = ""
) -> Any:
    """The value of type `kind` that decoded JSON says. Raises `Unreadable`."""
    return _get_converter(kind).read(document, path, scales, digits)


def find_balances(value: Any) -> list[bytes]:
    """The balances whose assets must be known to show the amounts in `value`."""
    return [getattr(each, name) for each, plan in _walk(value) for name in plan.balances]


def find_assets(value: Any) -> list[str]:
    """The codes of the assets whose decimals must be known to show the amounts in `value`."""
    return [getattr(each, name) for each, plan in _walk(value) for name in plan.codes]


class _Plan(NamedTuple):
    """Which fields of a record scale amounts, and which hold records that have such fields."""

    codes: tuple[str, ...]
    balances: tuple[str, ...]
    nested: tuple[str, ...]


def _walk(value: Any) -> Iterator[tuple[Any, _Plan]]:
    """A record and those within it that have amounts of an asset that they name."""
    kind: Any = type(value)
    plan = _get_plan(kind)
    yield value, plan
    for name in plan.nested:
        inner = getattr(value, name)
        for each in inner if isinstance(inner, tuple) else (inner,):
            if each is not None and not isinstance(each, Enum):
                yield from _walk(each)


@cache
def _get_plan(kind: Hashable) -> _Plan:
    schema = get_schema(kind)
    fields = schema.get("fields", ())
    scaling = {each.get("amount_of") for each in fields}
    scaled = [each for each in fields if each["name"] in scaling]
    return _Plan(
        tuple(each["name"] for each in scaled if each["type"] == "string"),
        tuple(each["name"] for each in scaled if "BalanceID" in each["type"]),
        tuple(each["name"] for each in fields if _has_scaling(each["type"], schema["folder"])),
    )


def _has_scaling(avro: Any, folder: str, within: tuple[str, ...] = ()) -> bool:
    """Whether records of this type, or within them, name an asset that their amounts are of."""
    if isinstance(avro, list):
        return any(_has_scaling(branch, folder, within) for branch in avro)
    if isinstance(avro, dict):
        return _has_scaling(avro["items"], folder, within)
    if avro in PRIMITIVES:
        return False
    full_name, schema = resolve(avro, folder)
    if schema["type"] != "record" or full_name in within:
        return False
    inner = (*within, full_name)
    return any(
        each.get("amount_of", "^") != "^" or _has_scaling(each["type"], schema["folder"], inner)
        for each in schema["fields"]
    )


@cache
def _get_converter(kind: Hashable) -> Converter:
    schema = get_schema(kind)
    if schema["type"] == "enum":
        return _make_enum_converter(kind)
    return _make_record_converter(kind, schema)


def _make_record_converter(kind: Any, schema: Mapping[str, Any]) -> Converter:
    fields = tuple(_make_field(each, schema) for each in schema["fields"])
    names = {each.name for each in fields}
    # Amounts are read once the fields are known that say what asset they are of.
    order = sorted(fields, key=lambda each: each.rule is not None)

    def show(value: Any, scales: Scales, digits: int | None) -> Any:
        shown = {}
        for name, converter, rule, _, _ in fields:
            own = digits if rule is None else rule(value, scales)
            shown[name] = converter.show(getattr(value, name), scales, own)
        return shown

    def read(document: Any, path: str, scales: Scales, digits: int | None) -> Any:
        if not isinstance(document, dict):
            raise Unreadable(path, f"expected an object, got {describe(document)}")
        for name in document:
            if name not in names:
                raise Unreadable(join(path, name), f"unknown; known are {', '.join(sorted(names))}")
        values: dict[str, Any] = {}
        for each in order:
            where = join(path, each.name)
            if each.name not in document:
                if not each.has_default:
                    raise Unreadable(where, "is missing")
                values[each.name] = each.default
                continue
            own = digits if each.rule is None else each.rule(_Values(values), scales)
            values[each.name] = each.converter.read(document[each.name], where, scales, own)
        return kind(*(values[each.name] for each in fields))

    return Converter(show, read)


class _Values:
    """What has been read so far, with the attributes of the record to be."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.__dict__.update(values)


def _make_field(each: Mapping[str, Any], schema: Mapping[str, Any]) -> _Field:
    avro, folder = each["type"], schema["folder"]
    is_optional = isinstance(avro, list) and avro[0] == "null"
    default = each.get("default")
    if avro == "bytes" and default is not None:
        default = default.encode()
    return _Field(
        each["name"],
        _make_converter(avro, each, folder),
        _make_rule(each, schema),
        "default" in each or is_optional,
        default,
    )


def _make_rule(each: Mapping[str, Any], schema: Mapping[str, Any]) -> Rule | None:
    """How many decimals the amounts of a field have."""
    name = each.get("amount_of", "^")
    if name == "^":
        return None
    avro = next(other["type"] for other in schema["fields"] if other["name"] == name)
    if avro == "string":
        return lambda value, scales: scales.digits.get(getattr(value, name))
    if avro == "int":
        return lambda value, _: int(getattr(value, name))

    def by_balance(value: Any, scales: Scales) -> int | None:
        return scales.digits.get(scales.assets.get(getattr(value, name), ""))

    return by_balance


def _make_converter(avro: Any, bounds: Mapping[str, Any], folder: str) -> Converter:
    if isinstance(avro, list):
        if avro[0] == "null":
            inner = avro[1] if len(avro) == 2 else avro[1:]
            return _make_optional_converter(_make_converter(inner, bounds, folder))
        return _make_union_converter([resolve(branch, folder)[0] for branch in avro])
    if isinstance(avro, dict):
        items_max = bounds.get("maxItems", 1 << 20)
        return _make_array_converter(_make_converter(avro["items"], bounds, folder), items_max)
    if avro in ("int", "long"):
        bits = 31 if avro == "int" else 63
        low, high = bounds.get("minimum", -(1 << bits)), bounds.get("maximum", (1 << bits) - 1)
        return Converter(show_same, lambda d, path, *_: read_integer(d, path, low, high))
    if avro == "boolean":
        return Converter(show_same, read_boolean)
    if avro == "string":
        return Converter(show_same, lambda d, path, *_: read_text(d, path, bounds["maxLength"]))
    if avro == "bytes":
        return make_bytes_converter(bounds["maxLength"], is_json=bool(bounds.get("json")))
    full_name, schema = resolve(avro, folder)
    if schema["type"] == "fixed":
        return make_fixed_converter(full_name, schema)
    # By its name: a type may hold itself.
    kind = get_class(full_name)
    return Converter(
        lambda value, scales, digits: _get_converter(kind).show(value, scales, digits),
        lambda d, path, scales, digits: _get_converter(kind).read(d, path, scales, digits),
    )


def _make_enum_converter(kind: Any) -> Converter:
    symbols = {each.name: each for each in kind}

    def read(document: Any, path: str, *_: Any) -> Any:
        if not isinstance(document, str) or document not in symbols:
            raise Unreadable(path, f"expected one of {', '.join(symbols)}")
        return symbols[document]

    return Converter(lambda value, *_: value.name, read)


def _make_union_converter(full_names: list[str]) -> Converter:
    kinds = {get_stem(name.partition(".")[2]): get_class(name) for name in full_names}

    def show(value: Any, scales: Scales, digits: int | None) -> Any:
        kind: Any = type(value)
        if isinstance(value, Enum):
            return {"type": get_stem(kind.__name__), "code": value.name}
        shown = _get_converter(kind).show(value, scales, digits)
        return {"type": get_stem(kind.__name__), **shown}

    def read(document: Any, path: str, scales: Scales, digits: int | None) -> Any:
        name = document.get("type") if isinstance(document, dict) else None
        if not isinstance(name, str) or name not in kinds:
            raise Unreadable(join(path, "type"), f"expected one of {', '.join(kinds)}")
        kind = kinds[name]
        rest = {key: value for key, value in document.items() if key != "type"}
        if issubclass(kind, Enum):
            if list(rest) != ["code"]:
                raise Unreadable(path, "expected the members type and code")
            return _get_converter(kind).read(rest["code"], join(path, "code"), scales, digits)
        return _get_converter(kind).read(rest, path, scales, digits)

    return Converter(show, read)


def _make_optional_converter(inner: Converter) -> Converter:
    return Converter(
        lambda value, scales, digits: None if value is None else inner.show(value, scales, digits),
        lambda d, path, scales, digits: None if d is None else inner.read(d, path, scales, digits),
    )


def _make_array_converter(item: Converter, items_max: int) -> Converter:
    def read(document: Any, path: str, scales: Scales, digits: int | None) -> Any:
        if not isinstance(document, list):
            raise Unreadable(path, f"expected an array, got {describe(document)}")
        if len(document) > items_max:
            raise Unreadable(path, f"has {len(document)} items, at most {items_max} are allowed")
        return tuple(
            item.read(each, f"{path}[{index}]", scales, digits)
            for index, each in enumerate(document)
        )

    return Converter(
        lambda values, scales, digits: [item.show(each, scales, digits) for each in values], read
    )

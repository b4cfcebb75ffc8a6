"""Readable JSON of the contract's values, in and out, made from the schemas. Pure.

Accounts and keys are G..., balances B..., hashes and signatures hex, other bytes base64, 64-bit
numbers decimal strings, enums their symbols, opaque JSON itself, amounts decimals of their asset
(`amount_of` in the schemas). A member of a union of records says its `type`. Reading is strict:
unknown members, wrong types and values outside of the bounds are refused with their path.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, lru_cache
from typing import Any, NamedTuple

import msgspec

from schemas.assembly import get_stem
from schemas.description import get_class, get_schema, resolve
from schemas.json_text import is_json_text
from schemas.strkey import (
    StrkeyError,
    decode_account_id,
    decode_balance_id,
    encode_account_id,
    encode_balance_id,
)
from schemas.values import format_amount, parse_amount

# A page names the same few again and again, and base32 costs more than all else in a row.
TEXTS_KEPT = 50_000
show_account = lru_cache(TEXTS_KEPT)(encode_account_id)
show_balance = lru_cache(TEXTS_KEPT)(encode_balance_id)

UNSIGNED = re.compile(r"0|[1-9][0-9]*")


class Unreadable(ValueError):
    """The JSON is no value of its type; the message begins with the path of what is wrong."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


@dataclass(slots=True)
class Scales:
    """Decimals by asset code and asset codes by balance: immutable facts, so they may be kept."""

    digits: dict[str, int] = field(default_factory=dict)
    assets: dict[bytes, str] = field(default_factory=dict)


Show = Callable[[Any, Scales, int | None], Any]
Read = Callable[[Any, str, Scales, int | None], Any]
Rule = Callable[[Any, Scales], int | None]


class Converter(NamedTuple):
    """Of one type: both directions. The number is the decimals of amounts inside, if known."""

    show: Show
    read: Read


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


def show_json_text(text: bytes) -> Any:
    """The JSON in `text`, null if it is empty; bytes that are none (of a refused operation) in
    base64."""
    if not text:
        return None
    if is_json_text(text):
        try:
            msgspec.json.decode(text)
            return msgspec.Raw(text)
        except ValueError:
            pass
    return {"base64": base64.b64encode(text).decode()}


def find_balances(value: Any) -> list[bytes]:
    """The balances whose assets must be known to show the amounts in `value`."""
    kind: Any = type(value)
    return [getattr(value, name) for name in _get_scale_balances(kind)]


@cache
def _get_scale_balances(kind: Hashable) -> tuple[str, ...]:
    schema = get_schema(kind)
    names = {each["name"]: each["type"] for each in schema.get("fields", ())}
    scaled = {each.get("amount_of") for each in schema.get("fields", ())}
    return tuple(name for name, avro in names.items() if name in scaled and "BalanceID" in avro)


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
            raise Unreadable(path, f"expected an object, got {_describe(document)}")
        for name in document:
            if name not in names:
                raise Unreadable(
                    _join(path, name), f"unknown; known are {', '.join(sorted(names))}"
                )
        values: dict[str, Any] = {}
        for each in order:
            where = _join(path, each.name)
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
            return _make_optional_converter(_make_converter(avro[1], bounds, folder))
        return _make_union_converter([resolve(branch, folder)[0] for branch in avro])
    if isinstance(avro, dict):
        items_max = bounds.get("maxItems", 1 << 20)
        return _make_array_converter(_make_converter(avro["items"], bounds, folder), items_max)
    if avro in ("int", "long"):
        bits = 31 if avro == "int" else 63
        low, high = bounds.get("minimum", -(1 << bits)), bounds.get("maximum", (1 << bits) - 1)
        return Converter(_show_same, lambda d, path, *_: _read_integer(d, path, low, high))
    if avro == "boolean":
        return Converter(_show_same, _read_boolean)
    if avro == "string":
        return Converter(_show_same, lambda d, path, *_: _read_text(d, path, bounds["maxLength"]))
    if avro == "bytes":
        return _make_bytes_converter(bounds["maxLength"], is_json=bool(bounds.get("json")))
    full_name, schema = resolve(avro, folder)
    if schema["type"] == "fixed":
        return _make_fixed_converter(full_name, schema)
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
            raise Unreadable(_join(path, "type"), f"expected one of {', '.join(kinds)}")
        kind = kinds[name]
        rest = {key: value for key, value in document.items() if key != "type"}
        if issubclass(kind, Enum):
            if list(rest) != ["code"]:
                raise Unreadable(path, "expected the members type and code")
            return _get_converter(kind).read(rest["code"], _join(path, "code"), scales, digits)
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
            raise Unreadable(path, f"expected an array, got {_describe(document)}")
        if len(document) > items_max:
            raise Unreadable(path, f"has {len(document)} items, at most {items_max} are allowed")
        return tuple(
            item.read(each, f"{path}[{index}]", scales, digits)
            for index, each in enumerate(document)
        )

    return Converter(
        lambda values, scales, digits: [item.show(each, scales, digits) for each in values], read
    )


def _make_bytes_converter(length_max: int, *, is_json: bool) -> Converter:
    def read_json(document: Any, path: str, *_: Any) -> bytes:
        text = b"" if document is None else _encode_json(document)
        return _check_length(text, path, length_max)

    def read(document: Any, path: str, *_: Any) -> bytes:
        try:
            raw = base64.b64decode(_expect_text(document, path), validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable(path, "expected base64") from None
        return _check_length(raw, path, length_max)

    if is_json:
        return Converter(lambda value, *_: show_json_text(value), read_json)
    return Converter(lambda value, *_: base64.b64encode(value).decode(), read)


def _make_fixed_converter(full_name: str, schema: Mapping[str, Any]) -> Converter:
    name, size = full_name.partition(".")[2], int(schema["size"])
    if name in ("AccountID", "PublicKey"):
        return Converter(
            lambda value, *_: show_account(value), _make_strkey_reader(decode_account_id, "G...")
        )
    if name == "BalanceID":
        return Converter(
            lambda value, *_: show_balance(value), _make_strkey_reader(decode_balance_id, "B...")
        )
    if name == "Amount":
        return Converter(_show_amount, _read_amount)
    if schema.get("integer"):
        return Converter(
            lambda value, *_: str(value), lambda d, path, *_: _read_unsigned(d, path, size)
        )
    return Converter(lambda value, *_: value.hex(), lambda d, path, *_: _read_hex(d, path, size))


def _show_same(value: Any, *_: Any) -> Any:
    return value


def _show_amount(value: int, _: Scales, digits: int | None) -> str | None:
    return None if digits is None else format_amount(value, digits)


def _read_amount(document: Any, path: str, _: Scales, digits: int | None) -> int:
    text = _expect_text(document, path)
    if digits is None:
        raise Unreadable(path, "the asset is not known, so neither are its decimals")
    try:
        return parse_amount(text, digits)
    except ValueError as error:
        raise Unreadable(path, str(error)) from None


def _make_strkey_reader(decode: Callable[[str], Any], example: str) -> Read:
    def read(document: Any, path: str, *_: Any) -> Any:
        try:
            return decode(_expect_text(document, path))
        except StrkeyError as error:
            raise Unreadable(path, f"expected {example}: {error}") from None

    return read


def _read_hex(document: Any, path: str, size: int) -> bytes:
    text = _expect_text(document, path)
    if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        raise Unreadable(path, f"expected {2 * size} lower-case hexadecimal digits")
    return bytes.fromhex(text)


def _read_unsigned(document: Any, path: str, size: int) -> int:
    text = _expect_text(document, path)
    if UNSIGNED.fullmatch(text) is None or len(text) > 20 or int(text) >> 8 * size:
        raise Unreadable(path, f"expected an unsigned {8 * size}-bit number in a string")
    return int(text)


def _read_integer(document: Any, path: str, low: int, high: int) -> int:
    if type(document) is not int or not low <= document <= high:
        raise Unreadable(path, f"expected an integer in {low}..{high}")
    return document


def _read_boolean(document: Any, path: str, *_: Any) -> bool:
    if not isinstance(document, bool):
        raise Unreadable(path, f"expected true or false, got {_describe(document)}")
    return document


def _read_text(document: Any, path: str, length_max: int) -> str:
    text = _expect_text(document, path)
    try:
        _check_length(text.encode(), path, length_max)
    except UnicodeEncodeError:
        raise Unreadable(path, "the text holds half a character") from None
    return text


def _expect_text(document: Any, path: str) -> str:
    if not isinstance(document, str):
        raise Unreadable(path, f"expected a string, got {_describe(document)}")
    return document


def _encode_json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _check_length(raw: bytes, path: str, length_max: int) -> bytes:
    if len(raw) > length_max:
        raise Unreadable(path, f"has {len(raw)} bytes, at most {length_max} are allowed")
    return raw


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _describe(document: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if document is None else names.get(type(document), "a number")

"""Readable JSON of values without parts: numbers, texts, bytes, keys, amounts. Pure."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

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


class Converter(NamedTuple):
    """Of one type: both directions. The number is the decimals of amounts inside, if known."""

    show: Show
    read: Read


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


def make_bytes_converter(length_max: int, *, is_json: bool) -> Converter:
    def read_json(document: Any, path: str, *_: Any) -> bytes:
        text = b"" if document is None else _encode_json(document)
        return _check_length(text, path, length_max)

    def read(document: Any, path: str, *_: Any) -> bytes:
        try:
            raw = base64.b64decode(expect_text(document, path), validate=True)
        except (binascii.Error, ValueError):
            raise Unreadable(path, "expected base64") from None
        return _check_length(raw, path, length_max)

    if is_json:
        return Converter(lambda value, *_: show_json_text(value), read_json)
    return Converter(lambda value, *_: base64.b64encode(value).decode(), read)


def make_fixed_converter(full_name: str, schema: Mapping[str, Any]) -> Converter:
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


def show_same(value: Any, *_: Any) -> Any:
    return value


def _show_amount(value: int, _: Scales, digits: int | None) -> str | None:
    return None if digits is None else format_amount(value, digits)


def _read_amount(document: Any, path: str, _: Scales, digits: int | None) -> int:
    text = expect_text(document, path)
    if digits is None:
        raise Unreadable(path, "the asset is not known, so neither are its decimals")
    try:
        return parse_amount(text, digits)
    except ValueError as error:
        raise Unreadable(path, str(error)) from None


def _make_strkey_reader(decode: Callable[[str], Any], example: str) -> Read:
    def read(document: Any, path: str, *_: Any) -> Any:
        try:
            return decode(expect_text(document, path))
        except StrkeyError as error:
            raise Unreadable(path, f"expected {example}: {error}") from None

    return read


def _read_hex(document: Any, path: str, size: int) -> bytes:
    text = expect_text(document, path)
    if not re.fullmatch(f"[0-9a-f]{{{2 * size}}}", text):
        raise Unreadable(path, f"expected {2 * size} lower-case hexadecimal digits")
    return bytes.fromhex(text)


def _read_unsigned(document: Any, path: str, size: int) -> int:
    text = expect_text(document, path)
    if UNSIGNED.fullmatch(text) is None or len(text) > 39 or int(text) >> 8 * size:
        raise Unreadable(path, f"expected an unsigned {8 * size}-bit number in a string")
    return int(text)


def read_integer(document: Any, path: str, low: int, high: int) -> int:
    if type(document) is not int or not low <= document <= high:
        raise Unreadable(path, f"expected an integer in {low}..{high}")
    return document


def read_boolean(document: Any, path: str, *_: Any) -> bool:
    if not isinstance(document, bool):
        raise Unreadable(path, f"expected true or false, got {describe(document)}")
    return document


def read_text(document: Any, path: str, length_max: int) -> str:
    text = expect_text(document, path)
    try:
        _check_length(text.encode(), path, length_max)
    except UnicodeEncodeError:
        raise Unreadable(path, "the text holds half a character") from None
    return text


def expect_text(document: Any, path: str) -> str:
    if not isinstance(document, str):
        raise Unreadable(path, f"expected a string, got {describe(document)}")
    return document


def _encode_json(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _check_length(raw: bytes, path: str, length_max: int) -> bytes:
    if len(raw) > length_max:
        raise Unreadable(path, f"has {len(raw)} bytes, at most {length_max} are allowed")
    return raw


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def describe(document: Any) -> str:
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if document is None else names.get(type(document), "a number")

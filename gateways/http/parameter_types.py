"""Types of parameters: how each is parsed, and its JSON Schema.

Anybody may send any text, so every type bounds its length before it parses.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from schemas.strkey import decode_account_id

SEQUENCE_MAX = (1 << 63) - 1
LIMIT_MAX, LIMIT_DEFAULT = 200, 25
_TIME = "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z"
_HASH = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("0|[1-9][0-9]{0,18}")  # the only way to write a number, anywhere


@dataclass(frozen=True, slots=True)
class ParameterType:
    """`parse` raises ValueError. Its text is shown to the sender."""

    parse: Callable[[str], Any]
    schema: dict[str, Any]


def _parse_number(text: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > SEQUENCE_MAX:
        raise ValueError("expected a whole number from 0 to 2^63 - 1")
    return int(text)


def _parse_hash(text: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise ValueError("expected 64 hexadecimal digits in lower case")
    return bytes.fromhex(text)


def _parse_limit(text: str) -> int:
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= LIMIT_MAX:
        raise ValueError(f"expected a whole number from 1 to {LIMIT_MAX}")
    return int(text)


def _parse_cursor(text: str) -> str:
    if len(text) > 1_000:
        raise ValueError("expected a cursor of at most 1000 characters")
    return text


def _parse_time(text: str) -> int:
    if not re.fullmatch(_TIME, text):
        raise ValueError("expected a time in UTC as 2026-11-27T00:00:00Z")
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 1_000
    except ValueError:
        raise ValueError("expected a time that there is, as 2026-11-27T00:00:00Z") from None


def choice(*values: str) -> ParameterType:
    """One of `values`."""

    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"expected one of {', '.join(values)}")
        return text

    return ParameterType(parse, {"type": "string", "enum": list(values)})


def choices(*values: str) -> ParameterType:
    """Some of `values`, separated by commas."""
    one = choice(*values)

    def parse(text: str) -> frozenset[str]:
        return frozenset(one.parse(each) for each in text.split(","))

    pattern = f"^({'|'.join(values)})(,({'|'.join(values)}))*$"
    return ParameterType(parse, {"type": "string", "pattern": pattern})


ACCOUNT_ID = ParameterType(decode_account_id, {"type": "string", "pattern": "^G[A-Z2-7]{55}$"})
HASH = ParameterType(_parse_hash, {"type": "string", "pattern": "^[0-9a-f]{64}$"})
NUMBER = ParameterType(_parse_number, {"type": "string", "pattern": "^(0|[1-9][0-9]{0,18})$"})
LIMIT = ParameterType(
    _parse_limit,
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
TIME = ParameterType(_parse_time, {"type": "string", "pattern": f"^{_TIME}$"})
"""Milliseconds since 1970."""
CURSOR = ParameterType(_parse_cursor, {"type": "string", "maxLength": 1_000})

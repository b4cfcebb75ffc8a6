"""Encodes settings as TOML: the standard library only reads it."""

import json
from collections.abc import Mapping
from typing import Any


def encode_toml(document: Mapping[str, Any]) -> str:
    """The text of a document of strings, booleans, integers, floats, lists and tables.

    Entries whose value is None are left out, as TOML has no such value.
    """
    plain = {k: v for k, v in document.items() if not isinstance(v, Mapping)}
    lines = [_encode_entry(k, v) for k, v in plain.items() if v is not None]
    for name, table in document.items():
        if isinstance(table, Mapping):
            lines += ["", f"[{_encode_key(name)}]"]
            lines += [_encode_entry(k, v) for k, v in table.items() if v is not None]
    return "\n".join(lines) + "\n"


def _encode_entry(key: str, value: Any) -> str:
    return f"{_encode_key(key)} = {_encode_value(value)}"


def _encode_value(value: Any) -> str:
    if isinstance(value, str):
        return _encode_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        entries = (_encode_entry(k, v) for k, v in value.items() if v is not None)
        return "{" + ", ".join(entries) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_encode_value(v) for v in value) + "]"
    raise TypeError(f"no setting can be of type {type(value).__name__}")


def _encode_key(key: str) -> str:
    is_bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if is_bare else _encode_text(key)


def _encode_text(text: str) -> str:
    """A quoted string. JSON's escapes are TOML's too; only DEL needs one of its own."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

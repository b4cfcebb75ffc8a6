"""JSON text inside of bytes: what a field with the attribute `json` may hold."""

import json

DEPTH_MAX = 32


def is_json_text(text: bytes) -> bool:
    """Whether `text` is empty, or one JSON value (RFC 8259, in UTF-8) nested at most 32 levels."""
    if not text:
        return True
    if text.count(b"[") + text.count(b"{") > DEPTH_MAX and _is_too_deep(text):
        return False
    try:
        # Numbers are left as text: how large one may be differs between interpreters.
        json.loads(text.decode(), parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except ValueError:
        return False
    return True


def _refuse_constant(name: str) -> str:
    """NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(name)


def _is_too_deep(text: bytes) -> bool:
    """Counts brackets outside strings, so that no parser ever recurses further than allowed."""
    depth, in_string, escaped = 0, False, False
    for byte in text:
        if in_string:
            in_string = escaped or byte != ord('"')
            escaped = byte == ord("\\") and not escaped
        elif byte == ord('"'):
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > DEPTH_MAX:
                return True
        elif byte in b"]}":
            depth -= 1
    return False

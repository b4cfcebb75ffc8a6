"""Keeps secrets and personal data out of logs: a structlog processor, the last before rendering.

By name: the value of a field that is called like a secret or an address is never shown. By form:
e-mail addresses, phone numbers, seeds and bearer tokens are taken out of every text, tracebacks
too. What identifies nobody (public keys, hashes, ids) stays. Pure.
"""

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "[redacted]"
DEPTH_MAX = 8

_WORDS = (
    "password|passwd|secret|token|seed|private_key|api_key|authorization|signature|cookie|otp|totp"
    "|pin|email|e_mail|mail_address|phone|recipient|address|first_name|last_name|birth_date"
    "|salt|envelope|mnemonic"
)
_NAME = re.compile(rf"(?:^|[._-])(?:{_WORDS})s?$|^code$", re.IGNORECASE)
_FORMS = (
    # An e-mail address, also percent-encoded. Bounded, so that no text is slow to read.
    re.compile(r"[\w.+'%-]{1,64}(?:@|%40)[\w.-]{1,190}\.\w{2,24}"),
    re.compile(r"(?<![\w+])\+[1-9](?:[ ()/.-]{0,2}\d){6,14}(?!\d)"),  # a phone number, E.164
    re.compile(r"(?<![A-Z2-7])S[A-D][A-Z2-7]{54}(?![A-Z2-7])"),  # a seed
    re.compile(r"(?i)(?<=bearer )[\w.~+/=-]{8,}|(?<=basic )[\w+/=-]{8,}"),
    re.compile(r"(?<=://)[^/\s:@]{1,64}:[^/\s@]{1,128}(?=@)"),  # who logs in, in a URL
    re.compile(r"whsec_[\w+/=-]{8,}"),  # a webhook's secret
)
_HINT = re.compile(r"@|%40|\+\d|S[A-D][A-Z2-7]|(?i:bearer |basic |whsec_)")


def redact_text(text: str) -> str:
    """`text` without what looks like a secret or an address."""
    if not _HINT.search(text):
        return text
    for form in _FORMS:
        text = form.sub(HIDDEN, text)
    return text


def redact(value: Any, name: str = "", depth: int = 0) -> Any:
    """`value` of a field called `name`, and what it holds."""
    if _NAME.search(name) and value is not None and not isinstance(value, bool):
        return HIDDEN
    if depth > DEPTH_MAX:
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"[{len(value)} bytes]"
    if isinstance(value, Mapping):
        return {key: redact(each, str(key), depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(each, "", depth + 1) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact_text(repr(value))


def redact_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: after tracebacks are texts, before the line is rendered."""
    for key, value in event.items():
        event[key] = (
            redact(value, key) if key not in ("event", "level") else redact_text(str(value))
        )
    return event

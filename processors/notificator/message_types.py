"""The table of what can be told: every type of message, its channels, limits and times.

A type has one template per locale (`templates/LOCALE/NAME.j2`). `SAMPLES` are what previews and
tests render them with, and so the list of the variables that a template may use.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, NamedTuple

MINUTE_S, HOUR_S, DAY_S = 60, 3_600, 86_400


class Channel(StrEnum):
    """How a message reaches somebody."""

    EMAIL = "email"
    SMS = "sms"


class MessageType(NamedTuple):
    """One row.

    `channels`: tried in this order. `priority`: 0 goes first. `expiry_s`: after it was asked for,
    it is not sent any more. `age_max_s`: older events are not told. `per_recipient`: so many in
    `window_s`; more wait. `per_day`: of the type, in all. `is_once`: rather not at all than twice.
    `is_optional`: whoever gets it may unsubscribe.
    """

    name: str
    channels: tuple[Channel, ...]
    priority: int
    expiry_s: int
    age_max_s: int
    per_recipient: int
    window_s: int
    per_day: int = 1_000_000
    is_once: bool = False
    is_optional: bool = False


EMAIL, BOTH, SMS = (Channel.EMAIL,), (Channel.EMAIL, Channel.SMS), (Channel.SMS,)


def _make_code(name: str, channels: tuple[Channel, ...]) -> MessageType:
    return MessageType(name, channels, 0, 15 * MINUTE_S, 15 * MINUTE_S, 10, HOUR_S)


def _make_event(name: str) -> MessageType:
    """What an account has asked to be told of its own."""
    return MessageType(name, EMAIL, 5, DAY_S, DAY_S, 100, HOUR_S, is_optional=True)


def _make_notice(name: str) -> MessageType:
    """What somebody must know for safety's sake."""
    return MessageType(name, BOTH, 2, 3 * DAY_S, 3 * DAY_S, 100, HOUR_S)


TYPES: Mapping[str, MessageType] = {
    row.name: row
    for row in (
        _make_code("email_code", EMAIL),
        _make_code("sms_code", SMS),
        MessageType("unlock_code", EMAIL, 0, DAY_S, DAY_S, 10, DAY_S),
        _make_notice("new_device"),
        _make_notice("security_notice"),
        _make_event("payment_received"),
        _make_event("payment_sent"),
        _make_event("issued"),
        _make_event("request_changed"),
        _make_event("withdrawal_changed"),
        _make_event("kyc_decided"),
        MessageType("kyc_expiring", EMAIL, 4, 3 * DAY_S, 3 * DAY_S, 20, DAY_S),
        _make_event("role_changed"),
        _make_event("signer_changed"),
        _make_event("review_wanted"),
        MessageType("asset_halted", BOTH, 1, DAY_S, DAY_S, 1_000, HOUR_S),
        MessageType("alarm", BOTH, 0, 7 * DAY_S, DAY_S, 1_000, HOUR_S),
        MessageType("invoice_paid", EMAIL, 5, DAY_S, DAY_S, 100, HOUR_S, is_once=True),
        MessageType("invitation", EMAIL, 3, DAY_S, DAY_S, 20, DAY_S),
        MessageType("message", EMAIL, 5, DAY_S, DAY_S, 100, HOUR_S),
    )
}

_MOVEMENT = {"amount": "12.50", "asset": "EUR", "ledger": "77", "account": "GA..."}
_REQUEST = {"request": "9", "kind": "withdrawal", "event": "fulfilled", "ledger": "77"}
SAMPLES: Mapping[str, Mapping[str, Any]] = {
    "email_code": {"code": "482913", "minutes": 15},
    "sms_code": {"code": "482913", "minutes": 15},
    "unlock_code": {"code": "0f1e2d3c4b5a69788796", "hours": 24},
    "new_device": {"device": "Firefox on Linux", "time": "2026-11-27 02:00 UTC"},
    "security_notice": {"event": "password_changed", "time": "2026-11-27 02:00 UTC"},
    "payment_received": _MOVEMENT,
    "payment_sent": _MOVEMENT,
    "issued": _MOVEMENT,
    "request_changed": _REQUEST,
    "withdrawal_changed": _REQUEST,
    "kyc_decided": {**_REQUEST, "kind": "change_role"},
    "kyc_expiring": {"days": 7, "until": "2026-12-04"},
    "role_changed": {"old_role": "1", "new_role": "2", "ledger": "77"},
    "signer_changed": {"signer": "GA...", "change": "added", "ledger": "77"},
    "review_wanted": {**_REQUEST, "event": "created"},
    "asset_halted": {"asset": "EUR", "issuance": True, "withdrawal": False, "ledger": "77"},
    "alarm": {"name": "core2", "problem": "it does not answer", "is_over": False},
    "invoice_paid": {"invoice": "2026-17", "amount": "12.50", "asset": "EUR"},
    "invitation": {"account": "GA...", "code": "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "days": 7},
    "message": {"subject": "Maintenance on Sunday", "text": "First line.\n\nSecond paragraph."},
}

"""New messages as rows: what every way in (topics, ledger, alarms, the private port) inserts.

The database makes a message unique by type and token: the second insert is nothing.
"""

import re
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from psycopg.types.json import Jsonb

from processors.notificator.message_types import DAY_S, TYPES

TOKEN = re.compile(r"[!-~]{16,64}")
LOCALE = re.compile(r"(?:[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})?)?")
OPERATORS = "operators"
"""The source of messages to the operators: they have neither an account nor a sealed contact."""

INSERT = """
INSERT INTO notificator.messages (type, token, source, account_id, contact, epoch, locale, data,
    sealed_data, caused_at, expires_at, priority, state, reason, ended_at)
VALUES (%(type)s, %(token)s, %(source)s, %(account_id)s, %(contact)s, %(epoch)s, %(locale)s,
    %(data)s, %(sealed_data)s, to_timestamp(%(caused_at_ms)s / 1000.0),
    clock_timestamp() + make_interval(secs => %(expiry_s)s), %(priority)s, %(state)s, %(reason)s,
    CASE WHEN %(state)s = 'DEAD' THEN clock_timestamp() END)
ON CONFLICT (type, token) DO NOTHING"""


class NewMessage(NamedTuple):
    """One message to be. `epoch`: of the key that `contact` and `sealed_data` are sealed to."""

    type: str
    token: str
    source: str
    account_id: bytes | None
    data: Mapping[str, Any]
    caused_at_ms: int
    locale: str = ""
    contact: bytes | None = None
    sealed_data: bytes | None = None
    epoch: int | None = None


def make_row(message: NewMessage) -> dict[str, Any]:
    """Values for `INSERT`. What will never be sent is a dead letter from the start, to be seen."""
    row = TYPES.get(message.type)
    reason = ""
    if row is None:
        reason = "UNKNOWN_TYPE"
    elif time.time() * 1_000 - message.caused_at_ms > row.age_max_s * 1_000:
        reason = "TOO_OLD"
    return {
        **message._asdict(),
        "data": Jsonb(dict(message.data)),
        "expiry_s": DAY_S if row is None else row.expiry_s,
        "priority": 9 if row is None else row.priority,
        "state": "DEAD" if reason else "QUEUED",
        "reason": reason,
    }

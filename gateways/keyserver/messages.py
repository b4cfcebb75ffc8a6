"""What a KeyServer tells people, as rows of its outbox."""

import time
from typing import Any

from gateways.identity.outbox import Letter, Outbox
from schemas.values import format_time

CODE_MINUTES = 15
INSERT = (
    "insert into keyserver.outbox (type, token, locale, content)"
    " values (%s, %s, %s, %s) on conflict do nothing"
)


def write_code(outbox: Outbox, email: str, locale: str, code: str) -> Letter:
    """Confirms an address."""
    data = {"minutes": CODE_MINUTES}
    return outbox.write("email_code", {"email": email}, locale, data, sealed={"code": code})


def write_lane(outbox: Outbox, email: str, locale: str, code: str) -> Letter:
    """A way in for the owner alone."""
    return outbox.write(
        "unlock_code", {"email": email}, locale, {"hours": 24}, sealed={"code": code}
    )


def write_device(outbox: Outbox, email: str, locale: str, name: str) -> Letter:
    data = {"time": _get_time()}
    return outbox.write("new_device", {"email": email}, locale, data, sealed={"device": name})


def write_notice(
    outbox: Outbox, email: str, locale: str, event: str, token: str | None = None
) -> Letter:
    """`event`: a word that the template knows."""
    data: dict[str, Any] = {"event": event, "time": _get_time()}
    return outbox.write("security_notice", {"email": email}, locale, data, token=token)


def get_day() -> int:
    return int(time.time() // 86_400)


def _get_time() -> str:
    return format_time(time.time_ns() // 1_000_000)

"""A message between two commits, as values: claimed, and settled."""

from typing import Any, NamedTuple


class Claimed(NamedTuple):
    """A message that this worker has, as `CLAIM` returns it."""

    id: int
    type: str
    token: str
    source: str
    account_id: bytes | None
    contact: bytes | None
    epoch: int | None
    locale: str
    data: dict[str, Any]
    sealed_data: bytes | None
    channel: int
    tries: int
    created_at: float
    is_expired: bool
    changes: int


class OpenAttempt(NamedTuple):
    """A call whose outcome is not known. `age_s`: since it has ended at the latest."""

    message_id: int
    id: int
    provider: str
    age_s: float


class Settlement(NamedTuple):
    """What becomes of a message. `delay_s`: until it is looked at again."""

    state: str
    reason: str = ""
    delay_s: float = 0.0
    channel: int | None = None
    tries: int | None = None
    provider_id: str | None = None

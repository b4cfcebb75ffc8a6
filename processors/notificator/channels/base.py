"""What a provider is to the engine: it takes a letter, and says as much as it knows of its fate.

The difference that matters is between a letter that was surely not taken and one of which nobody
knows: only the first may be given to another provider at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import httpx2

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.notificator.message_types import Channel

EMAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
EMAIL_LENGTH_MAX = 254
ANSWER_BYTES_MAX = 256 * 1024


class Verdict(StrEnum):
    """What came of a call."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # it does not want this letter, now or later
    UNAVAILABLE = "unavailable"  # surely not taken; later, or by another
    UNKNOWN = "unknown"  # it may have been taken


@dataclass(frozen=True, slots=True)
class Outcome:
    """`reason`: a code. `is_address_bad`: nobody needs to write there again."""

    verdict: Verdict
    reason: str = ""
    provider_id: str | None = None
    retry_after_s: float | None = None
    is_address_bad: bool = False


class Fate(StrEnum):
    """What a provider says later of a letter that it accepted."""

    UNDER_WAY = "under_way"
    DELIVERED = "delivered"
    FAILED = "failed"
    COMPLAINED = "complained"  # it arrived, and is unwanted


@dataclass(frozen=True, slots=True)
class Letter:
    """A rendered message for one address.

    `key`: names the message everywhere and for ever. `unsubscribe`: the value of List-Unsubscribe.
    `asked_at`: when it was first tried, in seconds since 1970: searches begin there.
    """

    key: str
    type: str
    to: str
    subject: str
    text: str
    html: str
    sms: str
    asked_at: float
    unsubscribe: str | None = None

    @property
    def unsubscribe_headers(self) -> dict[str, str]:
        """RFC 2369, and RFC 8058 where a page takes a single click."""
        if self.unsubscribe is None:
            return {}
        headers = {"List-Unsubscribe": self.unsubscribe}
        if not self.unsubscribe.startswith("<mailto:"):
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        return headers


class Provider(Protocol):
    """`takes_key`: the same key twice is one letter there. `knows_fate`: worth asking later."""

    name: str
    channel: Channel
    takes_key: bool
    knows_fate: bool

    async def send(self, letter: Letter) -> Outcome: ...

    async def search(self, letter: Letter) -> Outcome | None:
        """Whether it has taken the letter: ACCEPTED, or REFUSED for no trace of it. None: it cannot
        be searched. Raises OSError when it cannot be asked."""
        ...

    async def get_fate(self, key: str, provider_id: str | None) -> Fate:
        """Raises OSError when it cannot be asked."""
        ...


def is_valid_address(channel: Channel, address: str) -> bool:
    """Whether it can stand in a header and a form: nothing but one address."""
    if channel is Channel.EMAIL:
        return len(address) <= EMAIL_LENGTH_MAX and EMAIL.fullmatch(address) is not None
    return PHONE.fullmatch(address) is not None


def judge_status(status: int, retry_after: str | None) -> Outcome | None:
    """What an HTTP status alone says; None for a good one."""
    if status < 300:
        return None
    if status in (429, 503):
        return Outcome(Verdict.UNAVAILABLE, f"HTTP_{status}", None, parse_retry_after(retry_after))
    if status in (401, 403, 404, 407):  # our account is not in order: others may do better
        return Outcome(Verdict.UNAVAILABLE, f"HTTP_{status}")
    if status < 500:
        return Outcome(Verdict.REFUSED, f"HTTP_{status}")
    return Outcome(Verdict.UNKNOWN, f"HTTP_{status}")


def parse_retry_after(text: str | None) -> float | None:
    """Seconds; a date or nonsense is as good as nothing."""
    return min(float(text), 86_400.0) if text is not None and text.isdecimal() else None


def make_provider_id(text: str) -> str:
    """A provider's name for a letter, as the book can hold it."""
    return "".join(c for c in text[:200] if c.isprintable())


def judge_error(error: httpx2.TransportError) -> Outcome:
    """A call that failed before its request was sent has done nothing."""
    name = type(error).__name__
    unsent = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout)
    is_unsent = isinstance(error, unsent)
    return Outcome(Verdict.UNAVAILABLE if is_unsent else Verdict.UNKNOWN, _to_code(name))


def _to_code(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper()


async def call(
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    login: tuple[str, str],
    timeout_s: float,
    form: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> tuple[httpx2.Response, bytes]:
    """An answer and all of its content, of bounded size. Raises httpx2.TransportError."""
    request = client.build_request(method, url, data=form, params=query, timeout=timeout_s)
    response = await client.send(request, auth=login, stream=True, follow_redirects=False)
    try:
        return response, await read_bounded(response, ANSWER_BYTES_MAX)
    except AnswerTooLarge as error:
        raise httpx2.ReadError(str(error)) from None
    finally:
        await response.aclose()

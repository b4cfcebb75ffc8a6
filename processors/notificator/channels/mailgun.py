"""E-mail by Mailgun's HTTP interface.

It has no idempotency key, but it can be searched: every letter has a Message-Id made of its key,
and a provider that lost an answer is asked for events of that id before the letter is sent again.
"""

from typing import Any

import httpx2
import msgspec

from processors.notificator.channels.base import (
    Fate,
    Letter,
    Outcome,
    Verdict,
    call,
    judge_error,
    judge_status,
    make_provider_id,
)
from processors.notificator.config import MailgunSettings
from processors.notificator.message_types import Channel


class _Accepted(msgspec.Struct):
    id: str
    message: str = ""


class _Event(msgspec.Struct):
    event: str
    severity: str = ""


class _Events(msgspec.Struct):
    items: list[_Event] = []


def get_message_id(key: str, domain: str) -> str:
    """The same for every try of a message, so that also mailboxes can tell."""
    return f"<{key}@{domain}>"


class Mailgun:
    """`sender`: whom letters are from."""

    name = "mailgun"
    channel = Channel.EMAIL
    takes_key = False
    knows_fate = True

    def __init__(
        self, settings: MailgunSettings, sender: str, client: httpx2.AsyncClient, timeout_s: float
    ) -> None:
        self._settings = settings
        self._sender = sender
        self._client = client
        self._timeout_s = timeout_s
        self._base = f"{settings.url.rstrip('/')}/v3/{settings.domain}"

    def make_form(self, letter: Letter) -> dict[str, str]:
        """The fields of a letter, as the official library would send them."""
        return {
            "from": self._sender,
            "to": letter.to,
            "subject": letter.subject,
            "text": letter.text,
            "html": letter.html,
            "o:tag": letter.type,
            "o:tracking": "no",  # links in messages about money are not rewritten
            "h:Message-Id": get_message_id(letter.key, self._settings.domain),
            "v:key": letter.key,
            **{f"h:{name}": value for name, value in letter.unsubscribe_headers.items()},
        }

    async def send(self, letter: Letter) -> Outcome:
        try:
            response, content = await self._call("POST", "/messages", form=self.make_form(letter))
        except httpx2.TransportError as error:
            return judge_error(error)
        judged = judge_status(response.status_code, response.headers.get("retry-after"))
        if judged is not None:
            return judged
        try:
            accepted = msgspec.json.decode(content, type=_Accepted)
        except msgspec.DecodeError:
            return Outcome(Verdict.UNKNOWN, "ANSWER_UNREADABLE")
        return Outcome(Verdict.ACCEPTED, provider_id=make_provider_id(accepted.id))

    async def search(self, letter: Letter) -> Outcome | None:
        events = await self._find_events(letter.key)
        if any(each.event != "rejected" for each in events):
            found = get_message_id(letter.key, self._settings.domain)
            return Outcome(Verdict.ACCEPTED, "FOUND", found)
        return Outcome(Verdict.REFUSED, "NO_TRACE")

    async def get_fate(self, key: str, provider_id: str | None) -> Fate:
        events = await self._find_events(key)
        kinds = {each.event for each in events}
        if "complained" in kinds:
            return Fate.COMPLAINED
        if "delivered" in kinds:
            return Fate.DELIVERED
        has_bounced = any(e.event == "failed" and e.severity == "permanent" for e in events)
        return Fate.FAILED if has_bounced or "rejected" in kinds else Fate.UNDER_WAY

    async def _find_events(self, key: str) -> list[_Event]:
        query = {"message-id": get_message_id(key, self._settings.domain).strip("<>")}
        try:
            response, content = await self._call("GET", "/events", query=query)
            if response.status_code != 200:
                raise OSError(f"mailgun answers {response.status_code}")
            return msgspec.json.decode(content, type=_Events).items
        except (httpx2.TransportError, msgspec.DecodeError) as error:
            raise OSError(f"mailgun: {type(error).__name__}") from None

    async def _call(self, method: str, path: str, **more: Any) -> tuple[httpx2.Response, bytes]:
        key = ("api", self._settings.api_key.reveal())
        return await call(self._client, method, self._base + path, key, self._timeout_s, **more)

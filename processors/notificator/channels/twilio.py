"""SMS by Twilio. It has no idempotency key; it is searched by number, time and text."""

from datetime import UTC, datetime
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
from processors.notificator.config import TwilioSettings
from processors.notificator.message_types import Channel

BAD_NUMBERS = frozenset({21211, 21214, 21610, 21614})  # invalid, unreachable, opted out, no mobile
FAILED = frozenset({"failed", "undelivered", "canceled"})


class _Message(msgspec.Struct):
    sid: str
    status: str = ""
    body: str = ""


class _Messages(msgspec.Struct):
    messages: list[_Message] = []


class _Error(msgspec.Struct):
    code: int = 0


class Twilio:
    """One account of it."""

    name = "twilio"
    channel = Channel.SMS
    takes_key = False
    knows_fate = True

    def __init__(
        self, settings: TwilioSettings, client: httpx2.AsyncClient, timeout_s: float
    ) -> None:
        self._settings = settings
        self._client = client
        self._timeout_s = timeout_s
        account = f"/2010-04-01/Accounts/{settings.account_sid}"
        self._base = settings.url.rstrip("/") + account

    def make_form(self, letter: Letter) -> dict[str, str]:
        """The fields of a letter, as the official library would send them."""
        sender = self._settings.sender
        field = "MessagingServiceSid" if sender.startswith("MG") else "From"
        return {"To": letter.to, field: sender, "Body": letter.sms}

    async def send(self, letter: Letter) -> Outcome:
        try:
            response, content = await self._call(
                "POST", "/Messages.json", form=self.make_form(letter)
            )
        except httpx2.TransportError as error:
            return judge_error(error)
        judged = judge_status(response.status_code, response.headers.get("retry-after"))
        try:
            if judged is None:
                sid = msgspec.json.decode(content, type=_Message).sid
                return Outcome(Verdict.ACCEPTED, provider_id=make_provider_id(sid))
            if judged.verdict is Verdict.REFUSED:
                code = msgspec.json.decode(content, type=_Error).code
                is_bad = code in BAD_NUMBERS
                return Outcome(Verdict.REFUSED, f"TWILIO_{code}", is_address_bad=is_bad)
        except msgspec.DecodeError:
            if judged is None:
                return Outcome(Verdict.UNKNOWN, "ANSWER_UNREADABLE")
        return judged

    async def search(self, letter: Letter) -> Outcome | None:
        day = datetime.fromtimestamp(letter.asked_at, UTC).strftime("%Y-%m-%d")
        found = await self._get("/Messages.json", {"To": letter.to, "DateSent>": day}, _Messages)
        for each in found.messages:
            if each.body == letter.sms and each.status not in FAILED:
                return Outcome(Verdict.ACCEPTED, "FOUND", make_provider_id(each.sid))
        return Outcome(Verdict.REFUSED, "NO_TRACE")

    async def get_fate(self, key: str, provider_id: str | None) -> Fate:
        status = (await self._get(f"/Messages/{provider_id}.json", {}, _Message)).status
        if status in FAILED:
            return Fate.FAILED
        return Fate.DELIVERED if status in ("delivered", "read") else Fate.UNDER_WAY

    async def _get(self, path: str, query: dict[str, str], kind: Any) -> Any:
        try:
            response, content = await self._call("GET", path, query=query)
            if response.status_code != 200:
                raise OSError(f"twilio answers {response.status_code}")
            return msgspec.json.decode(content, type=kind)
        except (httpx2.TransportError, msgspec.DecodeError) as error:
            raise OSError(f"twilio: {type(error).__name__}") from None

    async def _call(self, method: str, path: str, **more: Any) -> tuple[httpx2.Response, bytes]:
        login = (self._settings.account_sid, self._settings.auth_token.reveal())
        return await call(self._client, method, self._base + path, login, self._timeout_s, **more)

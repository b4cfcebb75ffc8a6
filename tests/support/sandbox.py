"""Providers of messages, ours: it keeps a book of what it took, and misbehaves on demand.

It speaks as much of Mailgun's and Twilio's interfaces as their official libraries and our adapters
use, and takes webhooks. Its book is what senders are judged by.
"""

import asyncio
import contextlib
import json
import random
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

DOMAIN, SID = "mail.example.org", "AC" + "0" * 32


class Mood(Enum):
    """How a call is answered. After TAKEN_ the letter is in the book whatever the answer says."""

    GOOD = "good"
    SLOW = "slow"
    LIMITED = "429 with Retry-After"
    AWAY = "503"
    BROKEN = "500, nothing taken"
    REFUSING = "400"
    REDIRECTING = "307 to another port"
    TAKEN_BROKEN = "taken, 500"
    TAKEN_DROPPED = "taken, connection dropped"
    TAKEN_WRONG = "taken, wrong body"
    TAKEN_TWICE = "taken, told twice"


TAKES = frozenset(
    {
        Mood.GOOD,
        Mood.SLOW,
        Mood.TAKEN_BROKEN,
        Mood.TAKEN_DROPPED,
        Mood.TAKEN_WRONG,
        Mood.TAKEN_TWICE,
    }
)


@dataclass
class Letter:
    """What a provider took."""

    provider: str
    key: str
    fields: dict[str, str]
    headers: dict[str, str]
    content: bytes
    at: float
    status: str = "queued"


class _Dropped(Response):
    """Begins an answer and lets the connection fall."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-length", b"100")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


@dataclass
class Sandbox:
    """`moods`: by provider, what the next calls meet; then `share` of them meet one of `troubles`,
    by a seeded choice. `slow_s`: how long SLOW takes. `file`: where the book is kept, too."""

    url: str = ""
    file: Path | None = None
    moods: dict[str, list[Mood]] = field(default_factory=dict)
    share: float = 0.0
    troubles: tuple[Mood, ...] = ()
    slow_s: float = 1.0
    letters: list[Letter] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    down: set[str] = field(default_factory=set)
    chance: random.Random = field(default_factory=lambda: random.Random(7))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get_counts(self, provider: str | None = None) -> Counter[str]:
        """How often each key was taken."""
        with self.lock:
            return Counter(x.key for x in self.letters if provider in (None, x.provider))

    def choose_mood(self, provider: str) -> Mood:
        with self.lock:
            self.calls[provider] += 1
            if provider in self.down:
                return Mood.AWAY
            if self.moods.get(provider):
                return self.moods[provider].pop(0)
            if self.troubles and self.chance.random() < self.share:
                return self.chance.choice(self.troubles)
        return Mood.GOOD

    async def take(self, provider: str, key: str, request: Request, **fields: str) -> Mood:
        """Writes the book as the mood says."""
        mood = self.choose_mood(provider)
        if mood is Mood.SLOW:
            await asyncio.sleep(self.slow_s)
        if mood in TAKES:
            content = await request.body()
            letter = Letter(provider, key, fields, dict(request.headers), content, time.time())
            with self.lock:
                self.letters.append(letter)
                if self.file is not None:
                    with self.file.open("a") as book:
                        book.write(json.dumps({"provider": provider, "key": key}) + "\n")
        return mood

    def answer(self, mood: Mood, content: Any) -> Response:
        if mood in (Mood.GOOD, Mood.SLOW, Mood.TAKEN_TWICE):
            return JSONResponse(content)
        if mood is Mood.TAKEN_WRONG:
            return PlainTextResponse("<html>fine</html>")
        if mood is Mood.TAKEN_DROPPED:
            return _Dropped()
        if mood is Mood.REDIRECTING:
            return Response(status_code=307, headers={"Location": f"{self.url}/hook"})
        status = {Mood.LIMITED: 429, Mood.AWAY: 503, Mood.REFUSING: 400}.get(mood, 500)
        headers = {"Retry-After": "1"} if mood is Mood.LIMITED else {}
        return JSONResponse({"code": 21211, "message": "no"}, status, headers)

    async def take_mail(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        key = fields.get("h:Message-Id", "").strip("<>").partition("@")[0]
        mood = await self.take("mailgun", key, request, **fields)
        return self.answer(mood, {"id": fields.get("h:Message-Id", "<x@y>"), "message": "Queued."})

    async def show_mail_events(self, request: Request) -> Response:
        key = request.query_params.get("message-id", "").partition("@")[0]
        with self.lock:
            found = [x for x in self.letters if x.provider == "mailgun" and x.key == key]
        items = [{"event": "accepted"} for _ in found]
        items += [
            {"event": x.status, "severity": "permanent"} for x in found if x.status != "queued"
        ]
        return JSONResponse({"items": items})

    async def take_text(self, request: Request) -> Response:
        fields = dict(parse_qsl((await request.body()).decode(), keep_blank_values=True))
        mood = await self.take("twilio", fields["Body"], request, **fields)
        sid = f"SM{len(self.letters):032}"
        return self.answer(mood, {"sid": sid, "status": "queued", "body": fields["Body"]})

    async def list_texts(self, request: Request) -> Response:
        to = request.query_params.get("To")
        with self.lock:
            found = [
                {"sid": f"SM{n:032}", "body": x.fields["Body"], "status": x.status}
                for n, x in enumerate(self.letters)
                if x.provider == "twilio" and x.fields["To"] == to
            ]
        return JSONResponse({"messages": found})

    async def show_text(self, request: Request) -> Response:
        del request
        return JSONResponse({"sid": "SM", "status": "delivered"})

    async def take_webhook(self, request: Request) -> Response:
        key = request.headers.get("webhook-id", "")
        return self.answer(await self.take("webhook", key, request), {})

    def make_app(self) -> Starlette:
        account = f"/2010-04-01/Accounts/{SID}"
        return Starlette(
            routes=[
                Route(f"/v3/{DOMAIN}/messages", self.take_mail, methods=["POST"]),
                Route(f"/v3/{DOMAIN}/events", self.show_mail_events),
                Route(f"{account}/Messages.json", self.take_text, methods=["POST"]),
                Route(f"{account}/Messages.json", self.list_texts, methods=["GET"]),
                Route(f"{account}/Messages/{{sid}}.json", self.show_text),
                Route("/hook", self.take_webhook, methods=["POST"]),
            ]
        )


@contextlib.contextmanager
def run_sandbox(file: Path | None = None) -> Iterator[Sandbox]:
    """On a free port of this machine, in a thread."""
    sandbox = Sandbox(file=file)
    listening = socket.create_server(("127.0.0.1", 0))
    sandbox.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    config = uvicorn.Config(
        sandbox.make_app(), log_level="critical", lifespan="off", log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    try:
        yield sandbox
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()

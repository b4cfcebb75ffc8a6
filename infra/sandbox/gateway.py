"""A payment gateway that persists, keeps idempotency keys for a while, and misbehaves on demand.

Its book is what payouts are judged by: how often each reference was paid.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processors.psim.gateways.adapter import (
    EventKind,
    GatewayEvent,
    Payout,
    PayoutOrder,
    PayoutState,
)
from streams.private_port import has_token, respond

SLOW_S = 30.0
EVENTS_MAX = 1_000


class GatewayMode(StrEnum):
    """How the next calls are answered. After TAKEN_ the payout is in the book all the same."""

    WELL = "well"
    BROKEN = "broken"
    BUSY = "busy"
    TAKEN_BROKEN = "taken-broken"
    TAKEN_SLOW = "taken-slow"
    REFUSING = "refusing"
    OTHER_AMOUNT = "other-amount"


class GatewayDo(msgspec.Struct, forbid_unknown_fields=True):
    """`mode` for the next `calls` that post a payout (0: for all); `ttl_s`: how long keys are kept;
    `pay_in`, `take_back`, `charge`: an event each; `is_shuffling`: events come twice and out of
    order; `settle`: pending payouts end in this state."""

    mode: GatewayMode | None = None
    calls: int = 0
    ttl_s: float | None = None
    pay_in: list[tuple[str, int]] = []
    take_back: list[str] = []
    charge: list[int] = []
    is_shuffling: bool | None = None
    settle: PayoutState | None = None
    is_settling: bool | None = None


class GatewayBook:
    """`folder`: where the book lies. `is_settling`: payouts are paid at once."""

    def __init__(self, folder: Path, key: str, clock: Callable[[], float] = time.time) -> None:
        self._key = key
        self._clock = clock
        self._book = sqlite3.connect(folder / "gateway.db", isolation_level=None)
        self._book.execute("pragma synchronous=full")
        for statement in (
            "create table if not exists payouts (id integer primary key, reference text,"
            " amount integer, currency text, destination text, state text)",
            "create table if not exists keys (key text primary key, content blob, answer blob,"
            " at real)",
            "create table if not exists events (number integer primary key, content blob)",
        ):
            self._book.execute(statement)
        self.mode, self.calls, self.ttl_s = GatewayMode.WELL, 0, 1_800.0
        self.is_shuffling, self.is_settling = False, True

    def do(self, order: GatewayDo) -> dict[str, Any]:
        if order.mode is not None:
            self.mode, self.calls = order.mode, order.calls
        self.ttl_s = self.ttl_s if order.ttl_s is None else order.ttl_s
        if order.is_shuffling is not None:
            self.is_shuffling = order.is_shuffling
        if order.is_settling is not None:
            self.is_settling = order.is_settling
        for reference, amount in order.pay_in:
            number = self._count("events") + 1
            self._tell(EventKind.PAID_IN, f"in-{number}", reference, amount, "EUR")
        for name in order.take_back:
            self._take_back(name)
        for amount in order.charge:
            self._tell(EventKind.CHARGED, f"fee-{self._count('events') + 1}", "", amount, "EUR")
        if order.settle is not None:
            for payout in self.list_payouts(PayoutState.PENDING):
                self._settle(payout, order.settle)
        return {"payouts": msgspec.to_builtins(self.list_payouts())}

    def _count(self, table: str) -> int:
        (count,) = self._book.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - ours
        return int(count)

    def _tell(self, kind: EventKind, name: str, reference: str, amount: int, currency: str) -> None:
        at_ms, number = int(self._clock() * 1000), self._count("events") + 1
        events = self.list_events(number - 2)
        event = GatewayEvent(number, kind, name, reference, amount, currency, at_ms, 0)
        balance = event.moved + (events[-1].balance if events else 0)
        event = msgspec.structs.replace(event, balance=balance)
        row = (number, msgspec.json.encode(event))
        self._book.execute("insert into events values (?, ?)", row)

    def _take_back(self, name: str) -> None:
        for event in self.list_events(0):
            if event.id == name and event.kind is EventKind.PAID_IN:
                kind = EventKind.CHARGED_BACK
                self._tell(kind, event.id, event.reference, event.amount, event.currency)

    def list_events(self, after: int) -> list[GatewayEvent]:
        rows = self._book.execute(
            "select content from events where number > ? order by number limit ?",
            (after, EVENTS_MAX),
        ).fetchall()
        return [msgspec.json.decode(content, type=GatewayEvent) for (content,) in rows]

    def list_payouts(self, state: PayoutState | None = None) -> list[Payout]:
        rows = self._book.execute(
            "select id, reference, amount, currency, destination, state from payouts order by id"
        ).fetchall()
        found = [
            Payout(f"out-{number}", reference, amount, currency, to, PayoutState(stand))
            for number, reference, amount, currency, to, stand in rows
        ]
        return [each for each in found if state is None or each.state is state]

    def find_payouts(self, reference: str) -> list[Payout]:
        return [each for each in self.list_payouts() if each.reference == reference]

    def post(self, key: str, order: PayoutOrder) -> tuple[int, Any]:
        """Status and answer. A key that is still kept answers as before; one that has expired is
        as new, which is why nobody may post again then."""
        content, now = msgspec.json.encode(order), self._clock()
        found = self._book.execute(
            "select content, answer from keys where key = ? and at > ?", (key, now - self.ttl_s)
        ).fetchone()
        if found is not None:
            if bytes(found[0]) != content:
                return 409, {"code": "key-reused"}
            return 200, msgspec.json.decode(found[1])
        amount = order.amount + (1 if self._take_mode(GatewayMode.OTHER_AMOUNT) else 0)
        self._book.execute("begin")
        row = (order.reference, amount, order.currency, order.destination)
        number = self._book.execute(
            "insert into payouts (reference, amount, currency, destination, state)"
            " values (?, ?, ?, ?, ?)",
            (*row, PayoutState.PENDING),
        ).lastrowid
        made = Payout(f"out-{number}", *row, PayoutState.PENDING)
        answer = msgspec.json.encode(made)
        self._book.execute(
            "insert or replace into keys values (?, ?, ?, ?)", (key, content, answer, now)
        )
        self._book.execute("commit")
        if self.is_settling:
            self._settle(made, PayoutState.PAID)
        return 201, msgspec.to_builtins(made)

    def _settle(self, payout: Payout, state: PayoutState) -> None:
        number = int(payout.id.removeprefix("out-"))
        self._book.execute("update payouts set state = ? where id = ?", (state, number))
        kind = EventKind.PAYOUT_PAID if state is PayoutState.PAID else EventKind.PAYOUT_FAILED
        self._tell(kind, payout.id, payout.reference, payout.amount, payout.currency)

    def _take_mode(self, mode: GatewayMode) -> bool:
        """Whether this is the mode; it is used up by one call."""
        if self.mode is not mode:
            return False
        if self.calls:
            self.calls -= 1
            if not self.calls:
                self.mode = GatewayMode.WELL
        return True

    def make_routes(self) -> list[Route]:
        return [
            Route("/gateway/events", self._get_events),
            Route("/gateway/payouts", self._get_payouts),
            Route("/gateway/payouts", self._post_payout, methods=["POST"]),
        ]

    async def _get_events(self, request: Request) -> Response:
        if not has_token(request, self._key):
            return respond({"code": "unauthorized"}, 401)
        after = request.query_params.get("after", "0")
        events = self.list_events(int(after) if after.isdecimal() else 0)
        if self.is_shuffling:
            events = [*reversed(events), *events[:1]]
        return respond(msgspec.to_builtins(events))

    async def _get_payouts(self, request: Request) -> Response:
        if not has_token(request, self._key):
            return respond({"code": "unauthorized"}, 401)
        reference = request.query_params.get("reference", "")
        return respond(msgspec.to_builtins(self.find_payouts(reference)))

    async def _post_payout(self, request: Request) -> Response:
        if not has_token(request, self._key):
            return respond({"code": "unauthorized"}, 401)
        for mode, status in ((GatewayMode.BROKEN, 500), (GatewayMode.BUSY, 429)):
            if self._take_mode(mode):
                return respond({"code": mode}, status)
        if self._take_mode(GatewayMode.REFUSING):
            return respond({"code": "destination-refused"}, 422)
        try:
            order = msgspec.json.decode(await request.body(), type=PayoutOrder)
        except msgspec.DecodeError:
            return respond({"code": "malformed"}, 400)
        is_broken, is_slow = (
            self._take_mode(each) for each in (GatewayMode.TAKEN_BROKEN, GatewayMode.TAKEN_SLOW)
        )
        status, answer = self.post(request.headers.get("idempotency-key", ""), order)
        if is_slow:
            await asyncio.sleep(SLOW_S)
        return respond({}, 502) if is_broken else respond(answer, status)

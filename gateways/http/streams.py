"""Server-sent events: every row of a listing from a position on, in order, once.

A stream walks the same pages as a reader would, ascending, and sleeps on a bell when there is
nothing more. Ids ascend with commits, so a position says exactly what was sent; `Last-Event-ID`
(or a cursor) goes on there.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from gateways.http.bells import Bell
from gateways.http.kinds import LIMIT_MAX, NUMBER
from gateways.http.metrics import Metrics
from gateways.http.problems import BAD_REQUEST, TOO_MANY_STREAMS, Problem
from gateways.http.routes import Call

HEARTBEAT_SECONDS = 10
SEND_SECONDS = 30  # a reader slower than this is cut off; it resumes where it was
LOOK_SECONDS = 15.0  # without a bell: the notification's connection may be gone
RETRY_MILLISECONDS = 1_000

# A position to (resources with their ids, ascending): at most LIMIT_MAX of them.
Load = Callable[[int], Awaitable[list[tuple[int, Any]]]]


class Streams:
    """Bounds how many there are."""

    def __init__(self, limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._open = 0
        self._metrics = metrics

    def respond(self, start: int, load: Load, bell: Bell, name: str) -> Response:
        """A stream of all that comes after `start`; `name` is the events' name."""
        if self._open >= self._limit:
            raise Problem(TOO_MANY_STREAMS, f"{self._limit} streams are open here")
        response = EventSourceResponse(
            self._run(start, load, bell, name), ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS
        )
        del response.headers["cache-control"]  # the edge says it for all answers alike
        return response

    async def _run(
        self, start: int, load: Load, bell: Bell, name: str
    ) -> AsyncIterator[ServerSentEvent]:
        self._change(1)
        try:
            # Without data it is no event, but a reader cut off before the first one knows where.
            yield ServerSentEvent(id=str(start), retry=RETRY_MILLISECONDS)
            async for event in _walk(start, load, bell, name):
                yield event
        finally:
            self._change(-1)

    def _change(self, difference: int) -> None:
        self._open += difference
        self._metrics.streams.set(self._open)


async def _walk(start: int, load: Load, bell: Bell, name: str) -> AsyncIterator[ServerSentEvent]:
    position = start
    while True:
        seen = bell.count
        try:
            found = await load(position)
        except Problem:  # the reader comes again by itself, with the id it saw last
            return
        for position, resource in found:
            data = msgspec.json.encode(resource).decode()
            yield ServerSentEvent(data, event=name, id=str(position))
        if len(found) < LIMIT_MAX:
            await bell.wait(seen, LOOK_SECONDS)


def read_last_event_id(call: Call) -> int | None:
    """Where a reader who was cut off goes on. Raises Problem."""
    text = call.request.headers.get("last-event-id")
    if text is None:
        return None
    try:
        position: int = NUMBER.parse(text)
    except ValueError as error:
        raise Problem(BAD_REQUEST, f"Last-Event-ID: {error}") from None
    return position

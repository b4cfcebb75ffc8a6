"""Server-sent events: every row of a listing from a position on, in order, once.

A stream walks the same pages as a reader would, ascending, and sleeps on a channel when there is
nothing more. Ids ascend with commits, so a position says exactly what was sent; `Last-Event-ID`
(or a cursor) goes on there.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from typing import Any

import msgspec
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from gateways.http.listener import Channel
from gateways.http.metrics import Metrics
from gateways.http.parameter_types import LIMIT_MAX, NUMBER
from gateways.http.problems import BAD_REQUEST, TOO_MANY_STREAMS, Problem
from gateways.http.rate_limits import get_client
from gateways.http.routes import Call

HEARTBEAT_SECONDS = 10
SEND_SECONDS = 30  # a reader slower than this is cut off; it resumes where it was
LOOK_SECONDS = 15.0  # without a channel: the notification's connection may be gone
RETRY_MILLISECONDS = 1_000

# A position to (resources with their ids, ascending): at most LIMIT_MAX of them.
Load = Callable[[int], Awaitable[list[tuple[int, Any]]]]


class EventStreams:
    """Bounds how many there are: `limit` in all, `client_limit` of one client of this process."""

    def __init__(self, limit: int, client_limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._client_limit = client_limit
        self._open: Counter[Hashable] = Counter()
        self._metrics = metrics

    def respond(
        self, start: int, load: Load, channel: Channel, name: str, client: Hashable
    ) -> Response:
        """A stream of all that comes after `start`; `name` is the events' name."""
        if self._open.total() >= self._limit:
            raise Problem(TOO_MANY_STREAMS, f"{self._limit} streams are open here")
        if self._open[client] >= self._client_limit:
            raise Problem(TOO_MANY_STREAMS, f"{self._client_limit} streams of yours are open here")
        response = _CountedResponse(
            _run(start, load, channel, name), ping=HEARTBEAT_SECONDS, send_timeout=SEND_SECONDS
        )
        response.change_count = lambda difference: self._change(client, difference)
        del response.headers["cache-control"]  # the edge says it for all answers alike
        return response

    def _change(self, client: Hashable, difference: int) -> None:
        self._open[client] += difference
        if not self._open[client]:
            del self._open[client]
        self._metrics.streams.set(self._open.total())


class _CountedResponse(EventSourceResponse):
    """Counts from its first moment to its last, whether or not an event was ever sent."""

    change_count: Callable[[int], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.change_count(1)
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.change_count(-1)


def get_stream_client(call: Call) -> Hashable:
    """Who holds a stream: the key that signed for it, or else an address."""
    if call.signer is not None:
        return call.signer
    client = call.request.client
    return get_client("" if client is None else client.host)


async def _run(
    start: int, load: Load, channel: Channel, name: str
) -> AsyncIterator[ServerSentEvent]:
    # Without data it is no event, but a reader cut off before the first one knows where.
    yield ServerSentEvent(id=str(start), retry=RETRY_MILLISECONDS)
    async for event in _walk(start, load, channel, name):
        yield event


async def _walk(
    start: int, load: Load, channel: Channel, name: str
) -> AsyncIterator[ServerSentEvent]:
    position = start
    while True:
        seen = channel.count
        try:
            found = await load(position)
        except Problem:  # the reader comes again by itself, with the id it saw last
            return
        for position, resource in found:
            data = msgspec.json.encode(resource).decode()
            yield ServerSentEvent(data, event=name, id=str(position))
        if len(found) < LIMIT_MAX:
            await channel.wait(seen, LOOK_SECONDS)


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

"""Server-sent events: every row of a collection after a position, in order, once.

A stream walks the same pages as a reader would, ascending, and waits for a notification when there
is nothing more. Ids ascend with commits, so a position says exactly what was sent; `Last-Event-ID`
(or a cursor) resumes there. What can be refused is refused before the stream begins.
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
SEND_SECONDS = 30  # a slower reader is cut off; it resumes where it was
LOOK_SECONDS = 15.0  # without a notification: its connection may be lost
RETRY_MILLISECONDS = 1_000

# From a position to (position, resource) of the rows after it, ascending: at most LIMIT_MAX.
Rows = list[tuple[int, Any]]
Load = Callable[[int], Awaitable[Rows]]


class EventStreams:
    """Bounds open streams: `limit` in all, and `client_limit` of each client of this process."""

    def __init__(self, limit: int, client_limit: int, metrics: Metrics) -> None:
        self._limit = limit
        self._client_limit = client_limit
        self._open: Counter[Hashable] = Counter()
        self._metrics = metrics

    async def respond(
        self, start: int, load: Load, channel: Channel, name: str, client: Hashable
    ) -> Response:
        """A stream of everything after `start`; `name` is the events' name. Raises Problem."""
        if self._open.total() >= self._limit:
            raise Problem(TOO_MANY_STREAMS, f"this gateway has {self._limit} open streams")
        if self._open[client] >= self._client_limit:
            raise Problem(TOO_MANY_STREAMS, f"this client has {self._client_limit} open streams")
        self._change(client, 1)
        try:
            seen = channel.count
            first = await load(start)
        except BaseException:
            self._change(client, -1)
            raise
        response = _CountedResponse(
            _run(start, first, seen, load, channel, name),
            ping=HEARTBEAT_SECONDS,
            send_timeout=SEND_SECONDS,
        )
        response.release = lambda: self._change(client, -1)
        del response.headers["cache-control"]  # the middleware sets it for all answers
        return response

    def _change(self, client: Hashable, difference: int) -> None:
        self._open[client] += difference
        if not self._open[client]:
            del self._open[client]
        self._metrics.streams.set(self._open.total())


class _CountedResponse(EventSourceResponse):
    """Calls `release` when it ends, whether or not an event was sent."""

    release: Callable[[], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.release()


def get_stream_client(call: Call) -> Hashable:
    """Whose stream it is: the key that signed for it, or else an address."""
    if call.signer is not None:
        return call.signer
    client = call.request.client
    return get_client("" if client is None else client.host)


async def _run(
    start: int, first: Rows, seen: int, load: Load, channel: Channel, name: str
) -> AsyncIterator[ServerSentEvent]:
    # It has no data, so it is no event, but a reader that is cut off before the first has its id.
    yield ServerSentEvent(id=str(start), retry=RETRY_MILLISECONDS)
    position, rows = start, first
    while True:
        for position, resource in rows:
            data = msgspec.json.encode(resource).decode()
            yield ServerSentEvent(data, event=name, id=str(position))
        if len(rows) < LIMIT_MAX:
            await channel.wait(seen, LOOK_SECONDS)
        seen = channel.count
        try:
            rows = await load(position)
        except Problem:  # the reader reconnects by itself, with the id it saw last
            return


def read_last_event_id(call: Call) -> int | None:
    """Where a reader that was cut off resumes. Raises Problem."""
    text = call.request.headers.get("last-event-id")
    if text is None:
        return None
    try:
        position: int = NUMBER.parse(text)
    except ValueError as error:
        raise Problem(BAD_REQUEST, f"Last-Event-ID: {error}") from None
    return position

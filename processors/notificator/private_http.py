"""The Notificator's private port: for operators' verbs, and for services on its own network.

Everything but /health and the public key of the week needs the bearer token.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from processors.notificator.desk import (
    Desk,
    PreviewRequest,
    RedriveRequest,
    SendRequest,
    SubscribeRequest,
    Wrong,
)
from processors.notificator.epochs import Epochs
from processors.notificator.metrics import MEDIA_TYPE, Metrics
from streams import private_port
from streams.private_port import respond

BODY_BYTES_MAX = 64 * 1024
Handler = Callable[[Request], Awaitable[Any]]


class Choices(msgspec.Struct, forbid_unknown_fields=True):
    """The types of events that an account wants to be told of."""

    types: list[str]


class Address(msgspec.Struct, forbid_unknown_fields=True):
    """An address of a channel."""

    channel: str
    address: str


class FromLedger(msgspec.Struct, forbid_unknown_fields=True):
    """Where to go on; None: where it was."""

    from_ledger: int | None = None


class PrivateHttp:
    """`get_status` answers an object whose `problem` decides /health: null when all is well."""

    def __init__(
        self,
        token: str,
        desk: Desk,
        epochs: Epochs,
        metrics: Metrics,
        get_status: Callable[[], Awaitable[dict[str, Any]]],
        wake: Callable[[], None],
    ) -> None:
        self._token = token
        self._desk = desk
        self._epochs = epochs
        self._metrics = metrics
        self._get_status = get_status
        self._wake = wake
        guarded: list[tuple[str, str, Handler]] = [
            ("GET", "/status", lambda _: get_status()),
            ("POST", "/v1/messages", self._send),
            ("GET", "/v1/messages/{type}/{token}", self._show),
            ("GET", "/v1/dead", self._list_dead),
            ("POST", "/v1/redrive", self._redrive),
            ("POST", "/v1/preview", self._preview),
            ("GET", "/v1/providers", lambda _: desk.list_providers()),
            ("GET", "/v1/accounts/{account}/choices", self._show_choices),
            ("PUT", "/v1/accounts/{account}/choices", self._choose),
            ("POST", "/v1/leave/{key}", self._leave),
            ("DELETE", "/v1/accounts/{account}", self._forget),
            ("POST", "/v1/suppressions", self._suppress),
            ("DELETE", "/v1/suppressions", self._suppress),
            ("GET", "/v1/subscriptions", self._list_subscriptions),
            ("POST", "/v1/subscriptions", self._subscribe),
            ("GET", "/v1/subscriptions/{id}", self._show_subscription),
            ("DELETE", "/v1/subscriptions/{id}", self._unsubscribe),
            ("POST", "/v1/subscriptions/{id}/redeliver", self._redeliver),
        ]
        self.app = Starlette(
            routes=[
                Route("/health", self._get_health),
                Route("/metrics", self._get_metrics),
                Route("/v1/sealing-key", _answer(self._get_sealing_key)),
                *(
                    Route(path, _answer(self._guard(handler)), methods=[method])
                    for method, path, handler in guarded
                ),
            ]
        )

    def make_server(self, listen: str) -> private_port.PrivateServer:
        return private_port.make_server(self.app, listen)

    def _guard(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Any:
            self._require_token(request)
            return await handler(request)

        return guarded

    def _require_token(self, request: Request) -> None:
        if not private_port.has_token(request, self._token):
            raise Wrong("the bearer token is missing or wrong", 401)

    async def _get_health(self, _: Request) -> Response:
        problem = (await self._get_status())["problem"]
        content = {"status": "ok" if problem is None else "red", "problem": problem}
        return respond(content, 200 if problem is None else 503)

    async def _get_metrics(self, request: Request) -> Response:
        try:
            self._require_token(request)
            for state, count in (await self._desk.count_states()).items():
                self._metrics.messages.labels(state).set(count)
        except Wrong as error:
            return respond({"error": str(error)}, error.status)
        except psycopg.Error:
            self._metrics.messages.clear()  # the counters are still true
        return Response(self._metrics.render(), media_type=MEDIA_TYPE)

    async def _get_sealing_key(self, _: Request) -> Any:
        epoch, key = await self._epochs.get_public_key()
        return {"epoch": epoch, "public_key": key.hex()}

    async def _send(self, request: Request) -> Any:
        sent = await self._desk.send(await _read(request, SendRequest))
        self._wake()
        return sent

    async def _show(self, request: Request) -> Any:
        return await self._desk.show(request.path_params["type"], request.path_params["token"])

    async def _list_dead(self, request: Request) -> Any:
        text = request.query_params.get("limit", "50")
        if not text.isdecimal() or not 1 <= int(text[:6]) <= 500:
            raise Wrong("limit: 1 to 500")
        return {
            "messages": await self._desk.list_dead(int(text)),
            "unreadable": await self._desk.list_unreadable(int(text)),
        }

    async def _redrive(self, request: Request) -> Any:
        done = await self._desk.redrive(await _read(request, RedriveRequest))
        self._wake()
        return done

    async def _preview(self, request: Request) -> Any:
        return await self._desk.preview(await _read(request, PreviewRequest))

    async def _leave(self, request: Request) -> Any:
        return await self._desk.leave(request.path_params["key"])

    async def _show_choices(self, request: Request) -> Any:
        return await self._desk.show_choices(request.path_params["account"])

    async def _choose(self, request: Request) -> Any:
        choices = await _read(request, Choices)
        return await self._desk.choose(request.path_params["account"], choices.types)

    async def _forget(self, request: Request) -> Any:
        return await self._desk.forget(request.path_params["account"])

    async def _suppress(self, request: Request) -> Any:
        given = await _read(request, Address)
        is_lifted = request.method == "DELETE"
        return await self._desk.suppress(given.channel, given.address, is_lifted=is_lifted)

    async def _list_subscriptions(self, request: Request) -> Any:
        return await self._desk.list_subscriptions(request.query_params.get("owner"))

    async def _subscribe(self, request: Request) -> Any:
        return await self._desk.subscribe(await _read(request, SubscribeRequest))

    async def _show_subscription(self, request: Request) -> Any:
        return await self._desk.show_subscription(request.path_params["id"])

    async def _unsubscribe(self, request: Request) -> Any:
        return await self._desk.unsubscribe(request.path_params["id"])

    async def _redeliver(self, request: Request) -> Any:
        given = await _read(request, FromLedger)
        return await self._desk.redeliver(request.path_params["id"], given.from_ledger)


async def _read(request: Request, kind: Any) -> Any:
    """The body. Raises `Wrong`."""
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > BODY_BYTES_MAX:
            raise Wrong(f"a body has at most {BODY_BYTES_MAX} bytes", 413)
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Wrong(f"the body: {error}") from None


def _answer(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return respond(await handler(request))
        except Wrong as error:
            return respond({"error": str(error)}, error.status)
        except psycopg.DataError:
            return respond({"error": "a value that the database cannot hold"}, 400)
        except psycopg.OperationalError:
            return respond({"error": "the database does not answer; try again"}, 503)

    return answer

"""An endpoint of JSON-RPC that answers as a test says, by real HTTP."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn import Config, Server

from infra.local.ports import choose_port
from processors.psim.chains.rpc import JsonRpc
from tests.gateways.support import run_server

Answer = Callable[[Any], Any]
"""By the body of a request: bytes as they are, or what JSON is made of."""
Methods = Mapping[str, Any]
"""What each method answers: a value, or a function of the call's parameters."""


class Endpoint:
    """`seen`: the bodies that came in; `wait_s`: before it answers."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.status = 200
        self.wait_s = 0.0
        self.seen: list[Any] = []
        self.answer: Answer = lambda _: b""

    def run(self, answer: Answer, work: Callable[[JsonRpc], Awaitable[Any]]) -> Any:
        """What `work` returns while requests are answered so."""
        self.answer, self.seen = answer, []

        async def run() -> Any:
            async with JsonRpc(self.url) as rpc:
                return await work(rpc)

        return asyncio.run(run())


@contextlib.contextmanager
def serve() -> Iterator[Endpoint]:
    port = choose_port([])
    endpoint = Endpoint("")

    async def handle(request: Request) -> Response:
        body = await request.json()
        endpoint.seen.append(body)
        await asyncio.sleep(endpoint.wait_s)
        content = endpoint.answer(body)
        shown = content if isinstance(content, bytes) else json.dumps(content).encode()
        return Response(shown, endpoint.status)

    app = Starlette(routes=[Route("/", handle, methods=["POST"])])
    with run_server(Server(Config(app, "127.0.0.1", port, log_config=None)), port) as url:
        endpoint.url = url
        yield endpoint


def answer_by(methods: Methods) -> Answer:
    """As a node does; a method that is not there is refused."""

    def answer(body: Any) -> Any:
        if isinstance(body, list):
            return [answer(each) for each in body]
        told = {"jsonrpc": "2.0", "id": body["id"]}
        if body["method"] not in methods:
            return {**told, "error": {"code": -32601, "message": "no such method"}}
        result = methods[body["method"]]
        return {**told, "result": result(*body["params"]) if callable(result) else result}

    return answer

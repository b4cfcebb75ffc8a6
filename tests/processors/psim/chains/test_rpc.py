"""JSON-RPC: calls of one moment share a request, and no answer is taken for another's."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from infra.local.ports import choose_port
from processors.psim.chains.rpc import JsonRpc, RpcRefusal
from processors.psim.chains.source import ChainContradiction, ChainUnavailable
from tests.processors.psim.chains.endpoints import Answer, serve


def use(answer: Answer, work: Callable[[JsonRpc], Awaitable[Any]], status: int = 200) -> list[Any]:
    """Runs `work` against an endpoint that answers so; what came in."""
    with serve() as endpoint:
        endpoint.status = status
        endpoint.run(answer, work)
        return endpoint.seen


def echo(body: Any) -> Any:
    """Each call's only parameter; several in another order than they were asked in."""
    if isinstance(body, dict):
        return {"jsonrpc": "2.0", "id": body["id"], "result": body["params"][0]}
    return [echo(each) for each in reversed(body)]


def test_calls_of_one_moment_share_a_request() -> None:
    async def work(rpc: JsonRpc) -> None:
        asked = [rpc.call("echo", number, answer=int) for number in range(45)]
        assert await asyncio.gather(*asked) == list(range(45))
        assert await rpc.call("echo", "alone", answer=str) == "alone"

    seen = use(echo, work)
    assert sorted(len(each) for each in seen if isinstance(each, list)) == [5, 20, 20]
    assert isinstance(seen[-1], dict)


def test_large_answers_come_alone() -> None:
    async def work(rpc: JsonRpc) -> None:
        asked = [rpc.call("echo", number, answer=int, is_large=True) for number in range(3)]
        assert await asyncio.gather(*asked) == [0, 1, 2]

    assert [isinstance(each, dict) for each in use(echo, work)] == [True] * 3


def test_one_refusal_of_many_is_of_one_call() -> None:
    def answer(body: Any) -> Any:
        found = echo(body)
        if isinstance(found, list):
            found[0] = {"id": found[0]["id"], "error": {"code": -5, "message": "not there"}}
        return found

    async def work(rpc: JsonRpc) -> None:
        asked = [rpc.call("echo", number, answer=int) for number in range(3)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert found[:2] == [0, 1]
        assert isinstance(found[2], RpcRefusal)
        assert found[2].code == -5

    use(answer, work)


CONTRADICTIONS: dict[str, Answer] = {
    "html": lambda _: b"<html></html>",
    "one-for-many": lambda body: echo(body if isinstance(body, dict) else body[0]),
    "one-missing": lambda body: echo(body)[1:],
    "other-ids": lambda body: [{**each, "id": each["id"] + 1000} for each in echo(body)],
    "other-type": lambda body: [{**each, "result": {"a": 1}} for each in echo(body)],
    "not-json": lambda _: b'[{"id": 1, "result": NaN}]',
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_what_is_no_answer_is_a_contradiction(name: str) -> None:
    async def work(rpc: JsonRpc) -> None:
        asked = [rpc.call("echo", number, answer=int) for number in range(2)]
        found = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(each, ChainContradiction) for each in found)

    use(CONTRADICTIONS[name], work)


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_endpoint_is_asked_later(status: int) -> None:
    async def work(rpc: JsonRpc) -> None:
        with pytest.raises(ChainUnavailable):
            await rpc.call("echo", 1, answer=int)

    use(echo, work, status)


def test_nobody_there_is_unavailable() -> None:
    async def work() -> None:
        async with JsonRpc(f"http://127.0.0.1:{choose_port([])}") as rpc:
            with pytest.raises(ChainUnavailable):
                await rpc.call("echo", 1, answer=int)

    asyncio.run(work())

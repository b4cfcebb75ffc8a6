"""JSON-RPC 2.0 over HTTP: how a chain's endpoint is asked. Its answers are bounded and typed."""

import asyncio
from collections import OrderedDict
from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx2
import msgspec

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.psim.chains.source import ChainContradiction, ChainUnavailable

Answer = TypeVar("Answer")
BYTES_MAX = 64 * 1024 * 1024  # the largest blocks of Bitcoin, decoded by the node, have a third
TIMEOUT_S = 20.0
BATCH_MAX = 20
KEPT_BYTES_MAX = 32 * 1024 * 1024
EMPTY = frozenset({b"null", b"[]"})
BUSY = frozenset({401, 403, 408, 429, 502, 503, 504})


class RpcRefusal(Exception):
    """The endpoint understood the call and refused it. `code` is the endpoint's."""

    def __init__(self, method: str, code: int, message: str) -> None:
        super().__init__(f"{method}: {message} ({code})")
        self.code = code


class _Fault(msgspec.Struct):
    code: int
    message: str


class _Envelope(msgspec.Struct):
    id: int | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Fault | None = None


class _Waiting(msgspec.Struct):
    """A call that goes out with all others of the same moment."""

    id: int
    method: str
    params: tuple[Any, ...]
    answer: asyncio.Future[_Envelope]

    def get_body(self) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self.id, "method": self.method, "params": self.params}


class _Kept:
    """Answers that never change, the newest ones, as long as they are small enough together."""

    def __init__(self) -> None:
        self._answers: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0

    def get(self, asked: bytes) -> bytes | None:
        return self._answers.get(asked)

    def put(self, asked: bytes, answer: bytes) -> None:
        if len(answer) > KEPT_BYTES_MAX or asked in self._answers:
            return
        self._answers[asked] = answer
        self._size += len(answer)
        while self._size > KEPT_BYTES_MAX:
            self._size -= len(self._answers.popitem(last=False)[1])


class JsonRpc:
    """One endpoint. `user`, `password`: for HTTP's basic authentication."""

    def __init__(self, url: str, user: str | None = None, password: str | None = None) -> None:
        auth = None if user is None else httpx2.BasicAuth(user, password or "")
        self._url = url
        self._client = httpx2.AsyncClient(auth=auth, trust_env=False, timeout=TIMEOUT_S)
        self._count = 0
        self._waiting: list[_Waiting] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._kept = _Kept()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._client.aclose()

    @overload
    async def call(
        self, method: str, *params: Any, answer: type[Answer], is_large: bool = False
    ) -> Answer: ...

    @overload
    async def call(self, method: str, *params: Any, answer: Any, is_large: bool = False) -> Any: ...

    async def call(self, method: str, *params: Any, answer: Any, is_large: bool = False) -> Any:
        """Calls that are made at the same moment go out together, but for those whose answers are
        large. Raises `ChainUnavailable`, `ChainContradiction` (not what the method answers) and
        `RpcRefusal`."""
        self._count += 1
        future: asyncio.Future[_Envelope] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(self._count, method, params, future)
        if is_large:
            self._send([waiting])
        else:
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self._flush)
            self._waiting.append(waiting)
        envelope = await future
        if envelope.error is not None:
            raise RpcRefusal(method, envelope.error.code, envelope.error.message[:200])
        return _decode(method, envelope.result, answer)

    async def call_once(
        self, method: str, *params: Any, answer: type[Answer], is_large: bool = False
    ) -> Answer:
        """As `call`, of what never changes, as a block by its hash: services that read the same
        share an answer. An empty one is not kept: the endpoint may not have all of it yet."""
        asked = msgspec.json.encode([method, params])
        raw = self._kept.get(asked)
        if raw is None:
            raw = bytes(await self.call(method, *params, answer=msgspec.Raw, is_large=is_large))
            if raw not in EMPTY:
                self._kept.put(asked, raw)
        return _decode(method, raw, answer)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for first in range(0, len(waiting), BATCH_MAX):
            self._send(waiting[first : first + BATCH_MAX])

    def _send(self, calls: list[_Waiting]) -> None:
        task = asyncio.create_task(self._settle(calls))
        self._sending.add(task)  # the loop itself does not hold it
        task.add_done_callback(self._sending.discard)

    async def _settle(self, calls: list[_Waiting]) -> None:
        """Gives every call its answer, or all of them the same error."""
        try:
            envelopes = await self._exchange(calls)
        except (ChainUnavailable, ChainContradiction) as error:
            for each in calls:
                if not each.answer.done():
                    each.answer.set_exception(error)
            return
        for each in calls:
            if not each.answer.done():  # who asked may have given up
                each.answer.set_result(envelopes[each.id])

    async def _exchange(self, calls: list[_Waiting]) -> dict[int, _Envelope]:
        """By id. Raises `ChainUnavailable`, `ChainContradiction`."""
        what = calls[0].method
        is_one = len(calls) == 1
        body = calls[0].get_body() if is_one else [each.get_body() for each in calls]
        content = await self._post(what, msgspec.json.encode(body))
        try:
            if is_one:
                return {calls[0].id: msgspec.json.decode(content, type=_Envelope)}
            found = msgspec.json.decode(content, type=list[_Envelope])
        except msgspec.DecodeError as error:
            raise ChainContradiction(f"{what}: an answer of another form: {error}") from None
        envelopes = {each.id: each for each in found if each.id is not None}
        if any(each.id not in envelopes for each in calls):
            raise ChainContradiction(f"{what}: an answer is missing")
        return envelopes

    async def _post(self, method: str, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as response:
                if response.status_code in BUSY:
                    raise ChainUnavailable(f"{method}: HTTP status {response.status_code}")
                return await read_bounded(response, BYTES_MAX)
        except AnswerTooLarge as error:
            raise ChainContradiction(f"{method}: {error}") from None
        except (httpx2.HTTPError, OSError) as error:
            raise ChainUnavailable(f"{method}: {type(error).__name__}") from None


def _decode(method: str, raw: bytes, answer: type[Answer]) -> Answer:
    try:
        return msgspec.json.decode(raw, type=answer)
    except msgspec.DecodeError as error:
        raise ChainContradiction(f"{method}: an answer of another form: {error}") from None

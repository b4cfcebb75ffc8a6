"""JSON-RPC 2.0 over HTTP: how a chain's endpoint is asked. Its answers are bounded and typed."""

from types import TracebackType
from typing import Any, Self, TypeVar, overload

import httpx2
import msgspec

from processors.psim.chains.source import ChainContradiction, ChainUnavailable

Answer = TypeVar("Answer")
BYTES_MAX = 64 * 1024 * 1024  # the largest blocks of Bitcoin, decoded by the node, have a third
TIMEOUT_S = 20.0
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
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: _Fault | None = None


class JsonRpc:
    """One endpoint. `user`, `password`: for HTTP's basic authentication."""

    def __init__(self, url: str, user: str | None = None, password: str | None = None) -> None:
        auth = None if user is None else httpx2.BasicAuth(user, password or "")
        self._url = url
        self._client = httpx2.AsyncClient(auth=auth, trust_env=False, timeout=TIMEOUT_S)
        self._count = 0

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
    async def call(self, method: str, *params: Any, answer: type[Answer]) -> Answer: ...

    @overload
    async def call(self, method: str, *params: Any, answer: Any) -> Any: ...

    async def call(self, method: str, *params: Any, answer: Any) -> Any:
        """Raises `ChainUnavailable`, `ChainContradiction` (not what the method answers) and
        `RpcRefusal`."""
        self._count += 1
        body = {"jsonrpc": "2.0", "id": self._count, "method": method, "params": params}
        content = await self._post(method, msgspec.json.encode(body))
        try:
            envelope = msgspec.json.decode(content, type=_Envelope)
            if envelope.error is not None:
                raise RpcRefusal(method, envelope.error.code, envelope.error.message[:200])
            return msgspec.json.decode(envelope.result, type=answer)
        except msgspec.DecodeError as error:
            raise ChainContradiction(f"{method}: an answer of another form: {error}") from None

    async def _post(self, method: str, body: bytes) -> bytes:
        headers = {"content-type": "application/json"}
        content = bytearray()
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=headers
            ) as response:
                if response.status_code in BUSY:
                    raise ChainUnavailable(f"{method}: HTTP status {response.status_code}")
                async for piece in response.aiter_bytes():
                    content += piece
                    if len(content) > BYTES_MAX:
                        raise ChainContradiction(f"{method}: more than {BYTES_MAX} bytes")
        except (httpx2.HTTPError, OSError) as error:
            raise ChainUnavailable(f"{method}: {type(error).__name__}") from None
        return bytes(content)

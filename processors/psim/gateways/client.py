"""The sandbox's gateway by HTTP: an adapter as one for a real provider would be. Shell."""

from typing import Any, TypeVar

import httpx2
import msgspec

from processors.http_answers import AnswerTooLarge, read_bounded
from processors.psim.gateways.adapter import (
    GatewayEvent,
    GatewayRefused,
    GatewayUnknown,
    Payout,
    PayoutOrder,
)

BYTES_MAX = 4 * 1024 * 1024
TIMEOUT_S = 10.0
SURE = frozenset({400, 401, 403, 409, 422})
"""Statuses by which a gateway says that nothing took effect."""
T = TypeVar("T")


class GatewayClient:
    """A `Gateway`. `key`: the secret of the account there."""

    def __init__(self, url: str, key: str, timeout_s: float = TIMEOUT_S) -> None:
        self._url = url.rstrip("/")
        self._client = httpx2.AsyncClient(
            trust_env=False, timeout=timeout_s, headers={"authorization": f"Bearer {key}"}
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def list_events(self, after: int) -> list[GatewayEvent]:
        content = await self._call("GET", f"/events?after={after}")
        return _decode(content, list[GatewayEvent])

    async def post_payout(self, order: PayoutOrder) -> Payout:
        body = msgspec.json.encode(order)
        content = await self._call("POST", "/payouts", body, {"idempotency-key": order.reference})
        return _decode(content, Payout)

    async def find_payout(self, reference: str) -> Payout | None:
        found = _decode(await self._call("GET", f"/payouts?reference={reference}"), list[Payout])
        if len(found) > 1:
            raise GatewayUnknown("the gateway has two payouts of one reference")
        return found[0] if found else None

    async def _call(
        self, method: str, path: str, body: bytes | None = None, headers: Any = None
    ) -> bytes:
        try:
            async with self._client.stream(
                method, self._url + path, content=body, headers=headers
            ) as response:
                content = await read_bounded(response, BYTES_MAX)
        except AnswerTooLarge as error:
            raise GatewayUnknown(str(error)) from None
        except (httpx2.HTTPError, OSError) as error:
            raise GatewayUnknown(type(error).__name__) from None
        if response.status_code in SURE:
            raise GatewayRefused(_read_code(content) or str(response.status_code))
        if response.status_code not in (200, 201):
            raise GatewayUnknown(f"HTTP status {response.status_code}")
        return content


def _decode(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as error:
        raise GatewayUnknown(f"an answer of another form: {error}") from None


def _read_code(content: bytes) -> str:
    try:
        found = msgspec.json.decode(content, type=dict[str, Any]).get("code", "")
    except msgspec.DecodeError:
        return ""
    return str(found)[:40]

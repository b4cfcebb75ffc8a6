"""Posts signed webhooks (standardwebhooks), only to where they may go.

The name is resolved once, and the connection goes to the address that was judged, with the name in
Host and in TLS. Redirects are not followed; an answer is read up to a size and within a time.
"""

import asyncio
import secrets
import socket
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import httpx2
from standardwebhooks.webhooks import Webhook

from processors.notificator.channels.base import Outcome, Verdict, judge_error, parse_retry_after
from processors.notificator.config import WebhookSettings
from processors.notificator.targets import (
    Allowance,
    Target,
    TargetRefused,
    choose_address,
    parse_target,
)

ANSWER_BYTES_MAX = 64 * 1024
SECRET_BYTES = 32
RESOLVE_S = 5.0


def make_secret() -> str:
    """A new secret, as receivers' libraries want it."""
    return "whsec_" + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, webhook_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a webhook."""
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, now, body.decode()),
        "content-type": "application/json",
        "user-agent": "tokend-notificator",
    }


Resolve = Callable[[Target], Awaitable[list[str]]]


class WebhookSender:
    """One for a process. `resolve` finds the addresses of a target's host."""

    def __init__(self, settings: WebhookSettings, resolve: Resolve | None = None) -> None:
        self._resolve = find_addresses if resolve is None else resolve
        self._allowance = Allowance.read(settings.allowed)
        self._timeout_s = settings.timeout_s
        self._tls = ssl.create_default_context()
        # No proxy of the environment: it would connect wherever it is told to.
        self._client = httpx2.AsyncClient(
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            # A connection belongs to one host name: kept ones are found by address alone.
            limits=httpx2.Limits(max_keepalive_connections=0, max_connections=64),
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def check(self, url: str) -> Target:
        """The target of a URL that may be posted to now. Raises `TargetRefused`."""
        target = parse_target(url)
        choose_address(target, await self._resolve(target), self._allowance)
        return target

    async def post(self, url: str, secret: str, webhook_id: str, body: bytes) -> Outcome:
        """What came of it: ACCEPTED for 2xx alone."""
        try:
            async with asyncio.timeout(self._timeout_s):
                target = parse_target(url)
                address = choose_address(target, await self._resolve(target), self._allowance)
                return await self._post(
                    target, address, sign(secret, webhook_id, body, _now()), body
                )
        except TargetRefused:
            return Outcome(Verdict.REFUSED, "TARGET_REFUSED")
        except TimeoutError:
            return Outcome(Verdict.UNKNOWN, "TIMEOUT")
        except httpx2.TransportError as error:
            return judge_error(error)

    async def _post(
        self, target: Target, address: str, headers: dict[str, str], body: bytes
    ) -> Outcome:
        host = f"[{address}]" if ":" in address else address
        request = self._client.build_request(
            "POST",
            f"{target.scheme}://{host}:{target.port}{target.path}",
            headers={**headers, "host": target.host_header},
            content=body,
            extensions={"sni_hostname": target.host},
        )
        response = await self._client.send(request, stream=True)
        try:
            length = 0
            async for chunk in response.aiter_raw():
                length += len(chunk)
                if length > ANSWER_BYTES_MAX:
                    break
        finally:
            await response.aclose()
        if 200 <= response.status_code < 300:
            return Outcome(Verdict.ACCEPTED)
        wait_s = parse_retry_after(response.headers.get("retry-after"))
        return Outcome(Verdict.UNAVAILABLE, f"HTTP_{response.status_code}", None, wait_s)


def _now() -> datetime:
    return datetime.now(UTC)


async def find_addresses(target: Target) -> list[str]:
    """All addresses of the target's host. Raises `TargetRefused` if it has none."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(RESOLVE_S):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise TargetRefused("the name cannot be resolved") from None
    return list(dict.fromkeys(str(each[4][0]) for each in found))

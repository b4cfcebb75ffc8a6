"""A client of the KeyChain, asynchronous. Private keys are unsealed here and kept nowhere."""

from typing import Any, Self

import httpx2
from nacl.public import PrivateKey, SealedBox

from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.keys import SigningKey
from gateways.client.proxies import environment_errors, is_outside
from gateways.client.request_signing import RequestSigner

TIMEOUT_SECONDS = 20.0
Json = dict[str, Any]


class AsyncKeyChainClient:
    """Uses the KeyChain at `url`, signing by `key`; `public_url`: its public address, if that is
    another one. A context manager."""

    def __init__(
        self, url: str, key: SigningKey | None = None, public_url: str | None = None
    ) -> None:
        auth = None if key is None else RequestSigner(key, public_url=public_url)
        with environment_errors():
            self._http = httpx2.AsyncClient(
                base_url=url.rstrip("/"),
                auth=auth,
                timeout=TIMEOUT_SECONDS,
                trust_env=is_outside(url),
            )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def create_key(self, owner: str, class_: str, subject: str) -> Json:
        """The key's id and public half; `subject` names the document and its version."""
        body = {"owner": owner, "class": class_, "subject": subject}
        return await self._send("POST", "/v1/keys", body)

    async def list_keys(self, owner: str) -> list[Json]:
        found = await self._send("GET", f"/v1/accounts/{owner}/keys")
        keys: list[Json] = found["keys"]
        return keys

    async def open_key(self, key_id: str) -> bytes:
        """The private half, sealed on its way to a key that is made for this one request."""
        recipient = PrivateKey.generate()
        body = {"recipient": bytes(recipient.public_key).hex()}
        answer = await self._send("POST", f"/v1/keys/{key_id}/release", body)
        return SealedBox(recipient).decrypt(bytes.fromhex(answer["sealed"]))

    async def erase_key(self, key_id: str) -> None:
        """What was encrypted to it can never be read again."""
        await self._send("DELETE", f"/v1/keys/{key_id}")

    async def approve(self, administrator: str, releases: int) -> None:
        """As a second person: so many keys more for this administrator (G...) within the hour."""
        body = {"administrator": administrator, "releases": releases}
        await self._send("POST", "/v1/approvals", body)

    async def get_head(self) -> Json:
        """The newest row of the audit log: number and hash."""
        return await self._send("GET", "/v1/audit/head")

    async def read_log(self, after: int = 0, limit: int = 200) -> list[Json]:
        found = await self._send("GET", f"/v1/audit?after={after}&limit={limit}")
        rows: list[Json] = found["rows"]
        return rows

    async def _send(self, method: str, path: str, body: Json | None = None) -> Json:
        """Raises ProblemError, HorizonUnavailable."""
        try:
            response = await self._http.request(method, path, json=body)
        except httpx2.TransportError as error:
            raise HorizonUnavailable(f"the KeyChain does not answer: {error}") from None
        if response.status_code >= 400:
            raise ProblemError(_read_problem(response))
        content: Json = {} if response.status_code == 204 else response.json()
        return content


def _read_problem(response: httpx2.Response) -> Json:
    """Also of an answer that a proxy made."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    return (
        problem if isinstance(problem, dict) else {"title": f"HTTP status {response.status_code}"}
    )

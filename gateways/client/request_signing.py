"""Signs requests to a gateway: an httpx2 Auth, for synchronous and asynchronous clients.

The profile is that of `gateways.http.signatures`. This module adds a clock and random nonces.
"""

import secrets
import time
from collections.abc import Callable, Generator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx2

from gateways.client.keys import SigningKey
from gateways.http.signatures import Message, get_authority, sign_message

NONCE_BYTES = 18
SKEW_SECONDS = 5  # a refusal with a larger difference is blamed on our clock


class RequestSigner(httpx2.Auth):
    """`httpx2.Client(auth=RequestSigner(key))` signs every request.

    `public_url`: the gateway's own, if it is reached by another address (inside a cluster, say):
    signatures are made for that. If the gateway refuses, and its clock (the header `Date`) differs
    from ours, the request is signed again by the gateway's clock, and so are the following ones.
    """

    requires_request_body = True

    def __init__(
        self,
        key: SigningKey,
        clock: Callable[[], float] = time.time,
        public_url: str | None = None,
    ) -> None:
        self._key = key
        self._public_url = public_url
        self._clock = clock
        self._offset_seconds = 0

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        self._sign(request)
        response = yield request
        if response.status_code == 401 and self._adopt_clock(response):
            self._sign(request)
            yield request

    def sign_request(
        self, method: str, url: str, content: bytes = b"", idempotency_key: str | None = None
    ) -> dict[str, str]:
        """The headers to add, for other HTTP clients. `url`: the whole address, as it is sent.
        `idempotency_key`: the value of that header, if it is sent."""
        parts, public = urlsplit(url), self._public_url
        prefix = "" if public is None else urlsplit(public).path.rstrip("/")
        path = prefix + (parts.path or "/")
        authority = get_authority(public or url)
        message = Message(method, authority, path, parts.query, content, idempotency_key)
        created = int(self._clock()) + self._offset_seconds
        return sign_message(message, self._key, created, secrets.token_urlsafe(NONCE_BYTES))

    def _sign(self, request: httpx2.Request) -> None:
        key = request.headers.get("idempotency-key")
        headers = self.sign_request(request.method, str(request.url), request.content, key)
        request.headers.update(headers)

    def _adopt_clock(self, response: httpx2.Response) -> bool:
        """Whether the gateway's clock differs from the one that the signature used."""
        try:
            there = parsedate_to_datetime(response.headers.get("date", ""))
        except ValueError:
            return False
        offset = int(there.timestamp()) - int(self._clock())
        is_other = abs(offset - self._offset_seconds) > SKEW_SECONDS
        self._offset_seconds = offset if is_other else self._offset_seconds
        return is_other

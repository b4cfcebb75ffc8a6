"""Authentication: verifies a request's signature, and that it is used for the first time.

What the signer may do is the route's guard to decide.
"""

import time
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request

from gateways.http.idempotency import get_idempotency_key
from gateways.http.nonces import Nonces
from gateways.http.problems import (
    SIGNATURE_EXPIRED,
    SIGNATURE_INVALID,
    SIGNATURE_REPLAYED,
    SIGNATURE_REQUIRED,
    Problem,
    ProblemType,
)
from gateways.http.signatures import (
    ACCEPTED,
    Message,
    SignatureError,
    SignatureExpired,
    SignatureMissing,
    Signed,
    get_authority,
    verify_message,
)

BODY_HEADERS = (b"content-length", b"transfer-encoding")
PROBLEM_OF = {SignatureMissing: SIGNATURE_REQUIRED, SignatureExpired: SIGNATURE_EXPIRED}


class Authenticator:
    """`public_url` is where users reach this gateway. Signatures for other addresses are refused,
    whatever the Host header says. A path in it is one that a proxy removes on the way here.
    """

    def __init__(self, public_url: str, nonces: Nonces) -> None:
        self._authority = get_authority(public_url)
        self._prefix = urlsplit(public_url).path.rstrip("/")
        self._nonces = nonces

    async def authenticate(self, request: Request) -> Signed:
        """Who signed the request. A replay is not noticed yet. Raises Problem."""
        scope = request.scope
        headers = scope["headers"]
        has_body = any(name in BODY_HEADERS for name, _ in headers)
        message = Message(
            scope["method"],
            self._authority,
            self._prefix + scope["raw_path"].decode("latin-1"),
            scope["query_string"].decode("latin-1"),
            await request.body() if has_body else b"",
            get_idempotency_key(request),
        )
        try:
            return verify_message(message, headers, int(time.time()))
        except SignatureError as error:
            raise _refuse(PROBLEM_OF.get(type(error), SIGNATURE_INVALID), str(error)) from None

    async def require_first_use(self, signed: Signed) -> None:
        """Must pass before anything is done for the signer. Raises Problem."""
        if not await self._nonces.claim(signed.signer, signed.nonce):
            raise _refuse(SIGNATURE_REPLAYED, "a request with this nonce was accepted before")


def _refuse(kind: ProblemType, detail: str) -> Problem:
    members: dict[str, Any] = {"server_time_ms": str(time.time_ns() // 1_000_000)}
    headers = {"WWW-Authenticate": 'Signature realm="tokend"', "Accept-Signature": ACCEPTED}
    return Problem(kind, detail, members, headers)

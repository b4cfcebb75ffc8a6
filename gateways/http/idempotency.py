"""Requests with an Idempotency-Key: carried out once, their answer is given again for a day.

The key is the signer's own and covered by the signature. A row is claimed before the handler runs.
If the process dies in between, the claim is taken over once no answer can come any more, and the
handler runs again: it makes what it does unique by `Call.idempotency_key` where that matters.
"""

import re
from hashlib import sha256

from starlette.requests import Request
from starlette.responses import Response

from gateways.http.problems import (
    BAD_REQUEST,
    IDEMPOTENCY_KEY_REUSED,
    REQUEST_IN_FLIGHT,
    Problem,
)
from gateways.http.routes import Call
from gateways.http.store import Store

HEADER = "idempotency-key"
PRUNE_SECONDS = 300.0
KEEP_SECONDS = 86_400
SPARE_SECONDS = 5.0  # beyond the time within which an answer must begin
KEY = re.compile(r"[A-Za-z0-9._~+/=-]{8,128}")

CLAIM = """
insert into gateway.answers as a (signer, key, digest) values (%s, %s, %s)
on conflict (signer, key) do update set claimed_at = clock_timestamp()
where a.status is null and a.digest = excluded.digest
and a.claimed_at < clock_timestamp() - make_interval(secs => %s)
returning 1"""
FIND = (
    "select digest, status, content_type, location, body from gateway.answers"
    " where signer = %s and key = %s"
)
ANSWER = (
    "update gateway.answers set status = %s, content_type = %s, location = %s, body = %s"
    " where signer = %s and key = %s and digest = %s"
)
RELEASE = "delete from gateway.answers where signer = %s and key = %s and status is null"
PRUNE = "delete from gateway.answers where claimed_at < now() - make_interval(secs => %s)"


def get_idempotency_key(request: Request) -> str | None:
    """The header's value; of several headers all, as RFC 9421 joins them."""
    values = request.headers.getlist(HEADER)
    return ", ".join(values) if values else None


class Idempotency:
    """Answers are stored in `store`. `answer_seconds`: within which every answer begins."""

    def __init__(self, store: Store, answer_seconds: float) -> None:
        self._store = store
        self._abandoned_seconds = answer_seconds + SPARE_SECONDS

    async def answer(self, call: Call) -> Response:
        """The answer of the call's handler, or the one that its key has got before. What the
        handler refuses by a Problem leaves the key unused. Raises Problem.
        """
        key, signer = get_idempotency_key(call.request), call.signer
        if key is None or signer is None:
            return await call.route.handler(call)
        if not KEY.fullmatch(key):
            raise Problem(BAD_REQUEST, "Idempotency-Key: 8 to 128 letters, digits and ._~+/=-")
        call.idempotency_key = key
        digest = await _compute_digest(call)
        stored = await self._claim(signer, key, digest)
        if stored is not None:
            return stored
        try:
            response = await call.route.handler(call)
        except BaseException:
            await self._store.execute(RELEASE, (signer, key))
            raise
        headers = response.headers
        values = (response.status_code, headers.get("content-type"), headers.get("location"))
        body = bytes(response.body)
        await self._store.execute(ANSWER, (*values, body, signer, key, digest))
        return response

    async def _claim(self, signer: bytes, key: str, digest: bytes) -> Response | None:
        """None: the request is ours to carry out."""
        values = (signer, key, digest, self._abandoned_seconds)
        if await self._store.execute(CLAIM, values):
            return None
        rows = await self._store.execute(FIND, (signer, key))
        if not rows:  # released meanwhile
            raise Problem(REQUEST_IN_FLIGHT, "the first request has just failed; send it again")
        ((known, status, content_type, location, body),) = rows
        if known != digest:
            raise Problem(IDEMPOTENCY_KEY_REUSED, "its first request had another target or body")
        if status is None:
            raise Problem(REQUEST_IN_FLIGHT, "the first request with this key has no answer yet")
        headers = {"Idempotency-Replayed": "true"}
        if location is not None:
            headers["Location"] = location
        return Response(body, status, headers, content_type)

    async def prune(self) -> None:
        """Forgets answers that are a day old. Raises Problem."""
        await self._store.execute(PRUNE, (KEEP_SECONDS,))


async def _compute_digest(call: Call) -> bytes:
    scope = call.request.scope
    body = sha256(await call.request.body()).digest()
    target = b"%s %s?%s" % (scope["method"].encode(), scope["raw_path"], scope["query_string"])
    return sha256(sha256(target).digest() + body).digest()

"""What the ledger says of transactions, by the Horizon gateways of this deployment."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx2

from gateways.http.problems import Problem
from gateways.keyserver.problems import LEDGER_UNAVAILABLE

SECONDS = 5.0
PENDING, SUCCESS, FAILED, EXPIRED = "pending", "success", "failed", "expired"


class Submission(NamedTuple):
    """A transaction as its envelope's bytes, its hashes, and when it ends."""

    envelope: bytes
    transaction_hash: bytes
    envelope_hash: bytes
    max_time_ms: int


class LedgerView:
    """`urls`: asked in turn until one answers."""

    def __init__(self, urls: Sequence[str], http: httpx2.AsyncClient) -> None:
        self._urls = tuple(urls)
        self._http = http

    async def get_outcome(self, submission: Submission) -> str:
        """SUCCESS, FAILED or EXPIRED: final; PENDING: whatever else. Raises Problem.

        Expired is final, because a certified close time has passed max_time.
        """
        parameters = {
            "envelope_hash": submission.envelope_hash.hex(),
            "max_time_ms": str(submission.max_time_ms),
        }
        path = f"/v3/transactions/{submission.transaction_hash.hex()}"
        answer = await self._ask("GET", path, params=parameters)
        word = answer.get("data", {}).get("attributes", {}).get("status")
        return word if word in (SUCCESS, FAILED, EXPIRED) else PENDING

    async def submit(self, submission: Submission) -> None:
        """Again and again is harmless. What a node refuses may be admitted by another."""
        headers = {"Content-Type": "application/avro"}
        path = "/v3/transactions?wait=ingest"
        await self._ask("POST", path, content=submission.envelope, headers=headers)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """JSON of a good answer or of a problem that is the request's own."""
        for url in self._urls:
            try:
                answer = await self._http.request(method, url + path, timeout=SECONDS, **options)
                content = answer.json()
            except (httpx2.HTTPError, ValueError):
                continue
            if answer.status_code < 500 and isinstance(content, dict):
                return content
        raise Problem(LEDGER_UNAVAILABLE, "no Horizon gateway answers")

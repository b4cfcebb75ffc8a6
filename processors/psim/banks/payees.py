"""Asks API who is behind a payout account. Shell.

What it says counts only if it has the hash that the ledger has; it is kept in memory alone.
"""

import time
from collections.abc import Callable, Collection
from typing import Annotated, Protocol

import httpx2
import msgspec

from processors.http_answers import AnswerTooLarge, read_bounded
from schemas.generated.common import Hash, PayoutDetails
from schemas.payout_accounts import compute_account_hash
from schemas.settings import Secret, Settings

ANSWER_BYTES_MAX = 4 * 1024
TIMEOUT_S = 5.0
AGAIN_S = 10.0
"""After which it is asked again for what it did not say."""
Hex = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class PayeeSettings(Settings, frozen=True):
    """API's private ports: the first that answers is asked. `token`: of who pays out."""

    urls: tuple[str, ...]
    token: Secret


class Payees(Protocol):
    """Who is behind hashes. `problem`: why some are not known; empty: none is missing."""

    problem: str

    async def ask(self, wanted: Collection[tuple[Hash, int]]) -> None:
        """For what is not known yet, with the request that it is for; forgets all others."""
        ...

    def get(self, account_hash: Hash) -> PayoutDetails | None: ...


class _Details(msgspec.Struct):
    salt: Hex
    iban: str
    bic: str
    holder: str


class _Answer(msgspec.Struct):
    details: _Details | None


class ApiPayees:
    """A `Payees`. `instance`: of whom API notes that he asked."""

    def __init__(
        self,
        settings: PayeeSettings | None,
        instance: str,
        clock: Callable[[], float] = time.monotonic,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._urls = () if settings is None else settings.urls
        token = "" if settings is None else settings.token.reveal()
        self._transport = transport
        self._headers = {"authorization": f"Bearer {token}"}
        self._instance = instance
        self._clock = clock
        self._known: dict[Hash, PayoutDetails] = {}
        self._asked_at: dict[Hash, float] = {}
        self.problem = ""

    def get(self, account_hash: Hash) -> PayoutDetails | None:
        return self._known.get(account_hash)

    async def ask(self, wanted: Collection[tuple[Hash, int]]) -> None:
        hashes = {account_hash for account_hash, _ in wanted}
        for known in (self._known, self._asked_at):
            for gone in known.keys() - hashes:
                del known[gone]
        for account_hash, request_id in wanted:
            asked_at, now = self._asked_at.get(account_hash), self._clock()
            if account_hash in self._known or (asked_at is not None and now - asked_at < AGAIN_S):
                continue
            self._asked_at[account_hash] = now
            problem = await self._ask(account_hash, request_id)
            if problem:
                self.problem = problem
        if hashes <= self._known.keys():
            self.problem = ""

    async def _ask(self, account_hash: Hash, request_id: int) -> str:
        """Why it is not known, or empty."""
        body = {
            "account_hash": account_hash.hex(),
            "instance": self._instance,
            "purpose": f"withdrawal {request_id}",
        }
        problem = "API is not in the settings (payees)"
        for url in self._urls:
            try:
                answer = await self._post(url, body)
            except (httpx2.HTTPError, OSError, msgspec.DecodeError) as error:
                problem = f"API does not say who is to be paid: {type(error).__name__}"
                continue
            if answer.details is None:
                return f"API does not know the payout account of request {request_id}"
            given = answer.details
            salt = Hash(bytes.fromhex(given.salt))
            details = PayoutDetails(salt, given.iban, given.bic, given.holder)
            if compute_account_hash(details) != account_hash:
                problem = f"API says another payee for request {request_id} than was hashed"
                continue
            self._known[account_hash] = details
            return ""
        return problem

    def _make_client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(
            trust_env=False, timeout=TIMEOUT_S, headers=self._headers, transport=self._transport
        )

    async def _post(self, url: str, body: dict[str, str]) -> _Answer:
        """By a client of its own: a payee is asked for once, and nothing is left open."""
        async with (
            self._make_client() as client,
            client.stream("POST", f"{url}/v1/payees", json=body) as response,
        ):
            response.raise_for_status()
            try:
                content = await read_bounded(response, ANSWER_BYTES_MAX)
            except AnswerTooLarge as error:
                raise msgspec.DecodeError(str(error)) from None
        return msgspec.json.decode(content, type=_Answer)

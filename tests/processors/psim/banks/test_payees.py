"""What API says of payees counts only where it has the hash that the ledger has."""

import asyncio
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from processors.psim.banks.payees import AGAIN_S, ApiPayees, PayeeSettings
from schemas.generated.common import Hash, PayoutDetails
from schemas.payout_accounts import compute_account_hash
from schemas.settings import Secret

DETAILS = PayoutDetails(Hash(b"\x07" * 32), "DE75512108001245126199", "", "Alice")
ACCOUNT_HASH = compute_account_hash(DETAILS)
TRUE = {"salt": DETAILS.salt.hex(), "iban": DETAILS.iban, "bic": "", "holder": DETAILS.holder}


class Api:
    """Answers in turn; the last one again and again."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.now = 0.0
        settings = PayeeSettings(("http://api",), Secret("token"))
        app = Starlette(routes=[Route("/v1/payees", self.answer, methods=["POST"])])
        transport = httpx2.ASGITransport(app=app)
        self.payees = ApiPayees(settings, "psim1", lambda: self.now, transport)

    async def answer(self, request: Request) -> Response:
        self.asked.append(await request.json())
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            return Response(b"", answer)
        return JSONResponse(answer)

    def ask(self, *wanted: Hash) -> PayoutDetails | None:
        asyncio.run(self.payees.ask([(each, 7) for each in wanted]))
        return self.payees.get(ACCOUNT_HASH)


@pytest.mark.parametrize(
    "answer",
    [
        {"details": {**TRUE, "holder": "Mallory"}},
        {"details": {**TRUE, "iban": "NO9386011117947"}},
        {"details": {**TRUE, "salt": "00" * 32}},
        {"details": {**TRUE, "salt": "zz" * 32}},
        {"details": {**TRUE, "holder": "A" * 5_000}},
        {"details": None},
        {},
        [],
        401,
        503,
    ],
)
def test_what_is_not_believed(answer: Any) -> None:
    api = Api(answer)
    assert api.ask(ACCOUNT_HASH) is None
    assert api.payees.problem


def test_it_is_asked_once_again_after_a_while_and_forgotten_when_nobody_is_to_be_paid() -> None:
    api = Api(503, {"details": TRUE})
    assert api.ask(ACCOUNT_HASH) is None
    assert api.ask(ACCOUNT_HASH) is None
    assert len(api.asked) == 1
    api.now += AGAIN_S
    assert api.ask(ACCOUNT_HASH) == DETAILS
    assert api.payees.problem == ""
    assert api.ask(ACCOUNT_HASH) == DETAILS
    assert (
        api.asked
        == [{"account_hash": ACCOUNT_HASH.hex(), "instance": "psim1", "purpose": "withdrawal 7"}]
        * 2
    )
    assert api.ask() is None
    assert api.ask(ACCOUNT_HASH) == DETAILS
    assert len(api.asked) == 3


def test_without_an_api_nobody_is_known() -> None:
    payees = ApiPayees(None, "psim1")
    asyncio.run(payees.ask([(ACCOUNT_HASH, 7)]))
    assert payees.get(ACCOUNT_HASH) is None
    assert payees.problem

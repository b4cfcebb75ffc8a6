"""What the sandbox's bank does with payment files: it takes each name once, and pays, rejects (by
pain.002) or keeps still, as it is told. Its book says how often each payout was paid.
"""

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.sandbox.accounts import GIRO
from infra.sandbox.bank import Bank, BankOrder, Booking
from processors.psim.banks.iso20022 import read_message
from processors.psim.banks.pain import KIND, REJECTED
from processors.psim.banks.statements import StatementHeld
from streams.private_port import has_token, respond

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
FILE_BYTES_MAX = 1024 * 1024


class PayoutMode(StrEnum):
    """What becomes of files that come next. BROKEN: it is taken, and the answer says otherwise."""

    PAY = "pay"
    REJECT = "reject"
    KEEP = "keep"
    BROKEN = "broken"


class PayoutsDo(msgspec.Struct, forbid_unknown_fields=True):
    """`mode` of the next files; `pay`, `reject`, `give_back`: payouts by their references, now."""

    bank: str = GIRO
    mode: PayoutMode | None = None
    pay: list[str] = []
    reject: list[str] = []
    give_back: list[str] = []


class PayoutBook:
    """`bank`: whose account pays; `key`: the customer's."""

    def __init__(self, folder: Path, bank: Bank, key: str) -> None:
        self._bank = bank
        self._key = key
        file = folder / f"{bank.name}-payouts.db"
        self._book = sqlite3.connect(file, isolation_level=None)
        self._book.execute("pragma synchronous=full")
        self._book.execute(
            "create table if not exists payouts (name text primary key, reference text,"
            " amount text, iban text, holder text, content blob, paid integer,"
            " rejected integer)",
        )
        self.mode = PayoutMode.PAY

    def do(self, order: PayoutsDo, now: datetime | None = None) -> dict[str, Any]:
        self.mode = order.mode or self.mode
        for reference in order.pay:
            self._pay(reference, now)
        for reference in order.reject:
            self._reject(reference)
        for reference in order.give_back:
            amount = self._find_amount(reference)
            back = Booking(amount, end_to_end_id=reference, is_return=True)
            self._bank.book(BankOrder(bookings=[back]), now)
        return {"payouts": self.list_payouts()}

    def list_payouts(self) -> list[dict[str, Any]]:
        names = ("reference", "amount", "iban", "holder", "paid", "rejected")
        rows = self._book.execute(f"select {', '.join(names)} from payouts order by rowid")  # noqa: S608 - ours
        return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]

    def take(self, name: str, content: bytes, now: datetime | None = None) -> int:
        """The HTTP status."""
        known = self._book.execute("select 1 from payouts where name = ?", (name,)).fetchone()
        if known is not None:
            return 412
        try:
            document, _ = read_message(content, (KIND,))
        except StatementHeld:
            return 400
        (batch,) = document.cstmr_cdt_trf_initn.pmt_inf
        (payment,) = batch.cdt_trf_tx_inf
        reference = payment.pmt_id.end_to_end_id
        if batch.dbtr_acct.id.iban != self._bank.account.iban:
            return 422
        amount, iban = str(payment.amt.instd_amt.value), payment.cdtr_acct.id.iban
        row = (name, reference, amount, iban, payment.cdtr.nm, content)
        self._book.execute("insert into payouts values (?, ?, ?, ?, ?, ?, 0, 0)", row)
        if self.mode in (PayoutMode.PAY, PayoutMode.BROKEN):
            self._pay(reference, now)
        elif self.mode is PayoutMode.REJECT:
            self._reject(reference)
        return 502 if self.mode is PayoutMode.BROKEN else 201

    def _find_amount(self, reference: str) -> str:
        query = "select amount from payouts where reference = ?"
        found = self._book.execute(query, (reference,)).fetchone()
        if found is None:
            raise ValueError(f"there is no payout {reference}")
        return str(found[0])

    def _pay(self, reference: str, now: datetime | None) -> None:
        amount = self._find_amount(reference)
        debit = Booking(str(-Decimal(amount)), end_to_end_id=reference)
        self._bank.book(BankOrder(bookings=[debit]), now)
        self._book.execute("update payouts set paid = paid + 1 where reference = ?", (reference,))

    def _reject(self, reference: str) -> None:
        self._bank.deliver(make_status(reference, REJECTED))
        query = "update payouts set rejected = rejected + 1 where reference = ?"
        self._book.execute(query, (reference,))

    def make_routes(self) -> list[Route]:
        async def put_file(request: Request) -> Response:
            if not has_token(request, self._key):
                return respond({"code": "unauthorized"}, 401)
            content = await request.body()
            if len(content) > FILE_BYTES_MAX:
                return respond({"code": "too-large"}, 413)
            return respond({}, self.take(request.path_params["name"], content))

        return [Route(f"/{self._bank.name}/payouts/{{name}}", put_file, methods=["PUT"])]


def make_status(reference: str, code: str) -> bytes:
    """A pain.002 about one payment."""
    now = datetime.now(UTC)
    named = escape(reference)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><CstmrPmtStsRpt>'
        f"<GrpHdr><MsgId>R-{named}</MsgId><CreDtTm>{now:%Y-%m-%dT%H:%M:%S}</CreDtTm></GrpHdr>"
        f"<OrgnlGrpInfAndSts><OrgnlMsgId>{named}</OrgnlMsgId><OrgnlMsgNmId>{KIND}</OrgnlMsgNmId>"
        f"</OrgnlGrpInfAndSts><OrgnlPmtInfAndSts><OrgnlPmtInfId>{named}</OrgnlPmtInfId><TxInfAndSts>"
        f"<OrgnlEndToEndId>{named}</OrgnlEndToEndId><TxSts>{code}</TxSts></TxInfAndSts>"
        "</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    ).encode()

"""A bank that writes statements (camt.053.001.08) of what it is told to book, and serves them. It
takes payment files (`payouts`), and statements say what it has paid.

Each order books one statement. What was booked survives a restart; so does what it did wrong.
"""

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.sandbox.accounts import ACCOUNT, BANK, CURRENCY, GIRO, GIRO_ACCOUNT, GIRO_CURRENCY
from streams.private_port import respond

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"


class Booking(msgspec.Struct, forbid_unknown_fields=True):
    """`amount` as the bank writes it; negative: a debit. `bank_reference`: its own, if it gives
    one; `text`: what the payer wrote; `end_to_end_id`: of who ordered it; `is_charge`: a fee."""

    amount: str
    text: str = ""
    bank_reference: str = ""
    end_to_end_id: str = ""
    is_reversal: bool = False
    is_return: bool = False
    is_charge: bool = False


class BankOrder(msgspec.Struct, forbid_unknown_fields=True):
    """One statement. The rest makes it wrong: another number or opening balance, a closing balance
    that does not follow, the same statement delivered again as another file."""

    bank: str = BANK
    bookings: list[Booking] = []
    number: int | None = None
    opening: str | None = None
    closing: str | None = None
    is_repeated: bool = False


class Account(NamedTuple):
    """One at the bank."""

    iban: str
    currency: str


ACCOUNTS = {BANK: Account(ACCOUNT, CURRENCY), GIRO: Account(GIRO_ACCOUNT, GIRO_CURRENCY)}


class Bank:
    """One account. `folder`: where its book lies; `name`: which account it is."""

    def __init__(self, folder: Path, name: str = BANK) -> None:
        self.name = name
        self.account = ACCOUNTS[name]
        self._book = sqlite3.connect(folder / f"{name}.db", isolation_level=None)
        self._book.execute("pragma synchronous=full")
        self._book.execute(
            "create table if not exists files (name text primary key, number integer,"
            " closing text, content blob)"
        )

    def book(self, order: BankOrder, now: datetime | None = None) -> str:
        """The name of the new file. Raises ValueError for amounts that are none."""
        now = now or datetime.now(UTC)
        count, number, closing = self._find_last()
        if not order.is_repeated:
            number += 1
        number = order.number or number
        before = "0.00" if number == 1 else self._find_closing(number - 1)
        opening = order.opening or before or closing
        name = f"{count + 1:06}-{number:06}.xml"
        content, closing = make_statement(number, opening, order, now, self.account)
        row = (name, number, closing, content)
        self._book.execute("insert into files values (?, ?, ?, ?)", row)
        return name

    def deliver(self, content: bytes) -> str:
        """Any other file; its name."""
        count, _, _ = self._find_last()
        name = f"{count + 1:06}-other.xml"
        self._book.execute("insert into files values (?, 0, '', ?)", (name, content))
        return name

    def read_file(self, name: str) -> bytes | None:
        query = "select content from files where name = ?"
        found = self._book.execute(query, (name,)).fetchone()
        return None if found is None else bytes(found[0])

    def _find_last(self) -> tuple[int, int, str]:
        (count,) = self._book.execute("select count(*) from files").fetchone()
        found = self._book.execute(
            "select number, closing from files where number > 0 order by number desc, name limit 1"
        ).fetchone()
        return (count, 0, "0.00") if found is None else (count, int(found[0]), str(found[1]))

    def _find_closing(self, number: int) -> str | None:
        found = self._book.execute(
            "select closing from files where number = ? order by name limit 1", (number,)
        ).fetchone()
        return None if found is None else str(found[0])

    def make_routes(self) -> list[Route]:
        async def list_files(_: Request) -> Response:
            rows = self._book.execute("select name from files order by name").fetchall()
            return respond([name for (name,) in rows])

        async def get_file(request: Request) -> Response:
            found = self.read_file(request.path_params["name"])
            if found is None:
                return Response(b"", 404)
            return Response(found, media_type="application/xml")

        return [
            Route(f"/{self.name}/statements", list_files),
            Route(f"/{self.name}/statements/{{name}}", get_file),
        ]


def make_statement(
    number: int,
    opening: str,
    order: BankOrder,
    now: datetime,
    account: Account = ACCOUNTS[BANK],
) -> tuple[bytes, str]:
    """The file and its closing balance."""
    currency = account.currency
    moved = sum((Decimal(each.amount) for each in order.bookings), Decimal(0))
    closing = order.closing or f"{Decimal(opening) + moved:.2f}"
    entries = "".join(_make_entry(each, now, currency) for each in order.bookings)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document xmlns="{NAMESPACE}"><BkToCstmrStmt>'
        f"<GrpHdr><MsgId>S{number}</MsgId><CreDtTm>{now:%Y-%m-%dT%H:%M:%S}</CreDtTm></GrpHdr>"
        f"<Stmt><Id>S{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>"
        f"<CreDtTm>{now:%Y-%m-%dT%H:%M:%S}</CreDtTm>"
        f"<Acct><Id><IBAN>{account.iban}</IBAN></Id><Ccy>{currency}</Ccy></Acct>"
        f"{_make_balance('OPBD', opening, now, currency)}"
        f"{_make_balance('CLBD', closing, now, currency)}"
        f"{entries}</Stmt></BkToCstmrStmt></Document>"
    )
    return text.encode(), closing


def _make_balance(kind: str, amount: str, now: datetime, currency: str) -> str:
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{kind}</Cd></CdOrPrtry></Tp>{_make_amount(amount, currency)}"
        f"<Dt><Dt>{now:%Y-%m-%d}</Dt></Dt></Bal>"
    )


def _make_amount(amount: str, currency: str) -> str:
    is_debit = amount.startswith("-")
    return (
        f'<Amt Ccy="{currency}">{amount.removeprefix("-")}</Amt>'
        f"<CdtDbtInd>{'DBIT' if is_debit else 'CRDT'}</CdtDbtInd>"
    )


def _make_entry(each: Booking, now: datetime, currency: str) -> str:
    own = f"<AcctSvcrRef>{escape(each.bank_reference)}</AcctSvcrRef>" if each.bank_reference else ""
    references = (
        f"<Refs><EndToEndId>{escape(each.end_to_end_id)}</EndToEndId></Refs>"
        if each.end_to_end_id
        else ""
    )
    text = f"<RmtInf><Ustrd>{escape(each.text)}</Ustrd></RmtInf>" if each.text else ""
    returned = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>" if each.is_return else ""
    reversal = "<RvslInd>true</RvslInd>" if each.is_reversal else ""
    return (
        f"<Ntry>{_make_amount(each.amount, currency)}{reversal}<Sts><Cd>BOOK</Cd></Sts>"
        f"<BookgDt><Dt>{now:%Y-%m-%d}</Dt></BookgDt>{own}"
        f"<BkTxCd><Prtry><Cd>{'NCHG' if each.is_charge else 'NTRF'}</Cd></Prtry></BkTxCd>"
        f"<NtryDtls><TxDtls>{references}{text}{returned}</TxDtls></NtryDtls></Ntry>"
    )

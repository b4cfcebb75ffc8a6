"""Vectors of camt.053: what is read, and what is held. Each changes a statement that is right."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.sandbox.accounts import ACCOUNT
from infra.sandbox.bank import BankOrder, Booking, make_statement
from processors.psim.banks.inbox import read_delivery
from processors.psim.banks.iso20022 import BYTES_MAX
from processors.psim.banks.statements import (
    Statement,
    StatementHeld,
    check,
    find_reference,
    is_reference,
    make_item_key,
    make_placed_key,
    make_reference,
)

REFERENCE = make_reference(b"vectors")
DAY = datetime(2026, 11, 27, 12, tzinfo=UTC)
DAY_MS = 1_795_737_600_000


def make(*bookings: Booking, opening: str = "0.00", **more: Any) -> bytes:
    content, _ = make_statement(7, opening, BankOrder(bookings=list(bookings), **more), DAY)
    return content


def read(content: bytes, digits: int = 2) -> Statement:
    (statement,) = read_delivery(content, digits).statements
    check(statement)
    return statement


GOOD = make(Booking("10.50", text=REFERENCE, bank_reference="B1"), Booking("-3.00"))
DETAILS = (
    b'<NtryDtls><TxDtls><Refs><AcctSvcrRef>D1</AcctSvcrRef></Refs><Amt Ccy="EUR">4.00</Amt>'
    b'<CdtDbtInd>CRDT</CdtDbtInd></TxDtls><TxDtls><Amt Ccy="EUR">6.50</Amt>'
    b"<CdtDbtInd>CRDT</CdtDbtInd></TxDtls></NtryDtls>"
)
STRUCTURED = (
    f"<RmtInf><Ustrd>RF18539007547034</Ustrd><Strd><CdtrRefInf><Ref>{REFERENCE}</Ref></CdtrRefInf>"
    "</Strd></RmtInf>"
).encode()


def replace(old: bytes, new: bytes, count: int = -1) -> bytes:
    assert old in GOOD, old
    return GOOD.replace(old, new, count)


def replace_details(new: bytes) -> bytes:
    begin = GOOD.index(b"<NtryDtls>")
    end = GOOD.index(b"</NtryDtls>") + len(b"</NtryDtls>")
    return GOOD[:begin] + new + GOOD[end:]


def as_version(number: str) -> bytes:
    """Older versions have the state itself where newer ones have a choice, and want an amount in
    details."""
    content = replace(b"camt.053.001.08", b"camt.053.001." + number.encode())
    if number < "07":
        content = content.replace(b"<Sts><Cd>BOOK</Cd></Sts>", b"<Sts>BOOK</Sts>")
    return content


def test_a_statement_is_read() -> None:
    found = read(GOOD)
    assert (found.account, found.currency, found.number) == (ACCOUNT, "EUR", 7)
    assert (found.opening, found.closing, found.booked_ms) == (0, 750, DAY_MS)
    first, second = found.items
    assert (first.key, first.ordinal) == (make_item_key(ACCOUNT, "B1"), 0)
    assert (first.amount, first.is_credit, first.reference) == (1_050, True, REFERENCE)
    assert (second.key, second.is_credit) == (make_placed_key(ACCOUNT, 7, 2), False)


@pytest.mark.parametrize("number", ["02", "08", "10"])
def test_versions_read_alike(number: str) -> None:
    assert read(as_version(number)).digest == read(GOOD).digest


SAME = {
    "another message id": replace(b"<MsgId>S7</MsgId>", b"<MsgId>other</MsgId>"),
    "another creation time": replace(b"12:00:00", b"13:00:00"),
    "a comment": replace(b"<GrpHdr>", b"<!-- of today --><GrpHdr>"),
    "an instruction": replace(b"<GrpHdr>", b"<?bank of today?><GrpHdr>"),
    "white space": replace(b"<Ntry>", b"\n  <Ntry>"),
    "a prefix": replace(b"<Document xmlns=", b'<Document xmlns:x="urn:x" xmlns='),
    "a byte order mark": b"\xef\xbb\xbf" + GOOD,
    "an amount with fewer digits": replace(b">10.50<", b">10.5<"),
    "an amount with more zeros": replace(b">10.50<", b">10.5000<"),
    "a legal number": replace(b"<ElctrncSeqNb>7</ElctrncSeqNb>", b"<LglSeqNb>7</LglSeqNb>"),
    "a pending entry": replace(
        b"</Stmt>",
        b'<Ntry><Amt Ccy="EUR">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>PDNG</Cd></Sts>'
        b"<BkTxCd/></Ntry></Stmt>",
    ),
    "the previous closing balance": replace(b"<Cd>OPBD</Cd>", b"<Cd>PRCD</Cd>"),
    "a time of booking": replace(
        b"<BookgDt><Dt>2026-11-27</Dt></BookgDt>",
        b"<BookgDt><DtTm>2026-11-27T09:00:00</DtTm></BookgDt>",
    ),
    "a reference in parts": replace(
        REFERENCE.encode(), f"Invoice {REFERENCE[:9]} {REFERENCE[9:]}".encode()
    ),
    "a reference in small letters": replace(REFERENCE.encode(), REFERENCE.lower().encode()),
}


@pytest.mark.parametrize("name", SAME)
def test_what_changes_nothing(name: str) -> None:
    assert read(SAME[name]).digest == read(GOOD).digest


def test_details_are_items_of_their_own() -> None:
    first, second, _ = read(replace_details(DETAILS)).items
    assert (first.key, first.ordinal, first.amount) == (make_item_key(ACCOUNT, "D1"), 0, 400)
    assert (second.key, second.ordinal, second.amount) == (make_item_key(ACCOUNT, "B1"), 1, 650)


def test_the_structured_reference_comes_first() -> None:
    content = replace_details(
        b"<NtryDtls><TxDtls>" + STRUCTURED.replace(b"&", b"") + b"</TxDtls></NtryDtls>"
    )
    assert read(content).items[0].reference == REFERENCE


def test_what_the_payer_calls_it_names_nothing() -> None:
    one = make(Booking("1.00", end_to_end_id="E1"), Booking("1.00", end_to_end_id="E1"))
    assert len({each.key for each in read(one).items}) == 2


def test_reversals_and_returns_are_seen() -> None:
    content = make(
        Booking("-5.00", is_reversal=True), Booking("2.00", is_return=True, end_to_end_id="E9")
    )
    reversal, returned = read(content).items
    assert (reversal.is_reversal, reversal.is_credit) == (True, False)
    assert (returned.is_return, returned.end_to_end_id) == (True, "E9")


def test_an_overdrawn_account_has_a_negative_balance() -> None:
    found = read(make(Booking("-5.00"), opening="-1.00"))
    assert (found.opening, found.closing) == (-100, -600)


ENTITY = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
HELD = {
    "no XML": b"hello",
    "nothing": b"",
    "cut off": GOOD[:-40],
    "HTML": b"<html><body>down</body></html>",
    "a document type": GOOD.replace(b"<Document", b"<!DOCTYPE Document><Document", 1),
    "entities": GOOD.replace(b"<Document", ENTITY + b"<Document", 1),
    "an outer entity": GOOD.replace(
        b"<Document", b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/passwd">]><Document', 1
    ).replace(b"<MsgId>S7", b"<MsgId>&x;"),
    "another message": replace(b"camt.053.001.08", b"pain.001.001.09"),
    "a version that there is not": replace(b"camt.053.001.08", b"camt.053.001.99"),
    "a name in the namespace": replace(b"camt.053.001.08", b"camt.053.001.08.os.path"),
    "too deep": GOOD.replace(b"<GrpHdr>", b"<GrpHdr>" + b"<a>" * 300, 1),
    "too long": GOOD + b" " * BYTES_MAX,
    "an unknown element": replace(b"<GrpHdr>", b"<Unknown/><GrpHdr>"),
    "no number": replace(b"<ElctrncSeqNb>7</ElctrncSeqNb>", b""),
    "a number of nothing": replace(b"<ElctrncSeqNb>7<", b"<ElctrncSeqNb>0<"),
    "a broken number": replace(b"<ElctrncSeqNb>7<", b"<ElctrncSeqNb>7.5<"),
    "no account": replace(f"<IBAN>{ACCOUNT}</IBAN>".encode(), b""),
    "no opening balance": replace(b"<Cd>OPBD</Cd>", b"<Cd>OPAV</Cd>"),
    "no closing balance": replace(b"<Cd>CLBD</Cd>", b"<Cd>CLAV</Cd>"),
    "another currency of a balance": replace(b'Ccy="EUR">7.50', b'Ccy="USD">7.50'),
    "another currency of an entry": replace(b'Ccy="EUR">10.50', b'Ccy="USD">10.50'),
    "an amount of parts of cents": replace(b">10.50<", b">10.505<"),
    "a negative amount": replace(b">10.50<", b">-10.50<"),
    "an amount that is none": replace(b">10.50<", b">NaN<"),
    "an amount without end": replace(b">10.50<", b">Infinity<"),
    "a huge amount": replace(b">10.50<", b">1" + b"0" * 60 + b"<"),
    "no booking date": replace(b"<BookgDt><Dt>2026-11-27</Dt></BookgDt>", b""),
    "a date that there is not": replace(b"<Dt>2026-11-27</Dt>", b"<Dt>2026-02-30</Dt>"),
    "entries that make another sum": replace(b">10.50<", b">11.50<"),
    "details that make another sum": replace_details(DETAILS.replace(b"6.50", b"6.51")),
    "details in another currency": replace_details(DETAILS.replace(b"EUR", b"USD")),
    "a reference used twice": make(
        Booking("1.00", bank_reference="B1"), Booking("1.00", bank_reference="B1")
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_what_is_held(name: str) -> None:
    with pytest.raises(StatementHeld):
        read(HELD[name])


def test_a_report_is_a_hint_and_no_statement() -> None:
    report = (
        GOOD.replace(b"camt.053", b"camt.052")
        .replace(b"BkToCstmrStmt", b"BkToCstmrAcctRpt")
        .replace(b"<Stmt>", b"<Rpt>")
        .replace(b"</Stmt>", b"</Rpt>")
    )
    found = read_delivery(report, 2)
    assert not found.statements
    assert [(each.account, each.item.amount) for each in found.expected] == [
        (ACCOUNT, 1_050),
        (ACCOUNT, 300),
    ]


def test_references_have_check_digits() -> None:
    assert is_reference("RF18539007547034")
    assert not is_reference("RF19539007547034")
    assert all(is_reference(make_reference(bytes([each]))) for each in range(100))
    assert find_reference([f"for {REFERENCE} thanks", REFERENCE]) == REFERENCE
    assert find_reference([REFERENCE, make_reference(b"another")]) == ""
    assert find_reference(["RF19539007547034"]) == ""

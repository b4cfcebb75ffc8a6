"""Reads camt.053 and camt.052 (bank to customer statement, and report): bytes to statements. Pure.

The XML is read without entities, document types and network, and bounded, before pyiso20022's types
see it. The libraries are imported when the first statement is read: few processes have a bank.
"""

import datetime
import importlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from processors.psim.banks.statements import (
    Item,
    Statement,
    StatementHeld,
    find_reference,
    make_item_key,
    make_placed_key,
)
from schemas.generated.common import Hash

BYTES_MAX = 32 * 1024 * 1024
DEPTH_MAX, ITEMS_MAX = 64, 100_000
DAY_MS = 86_400_000
NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:"
STATEMENTS = frozenset(f"camt.053.001.{n:02}" for n in (2, 3, 4, 6, 8, 10))
REPORTS = frozenset(f"camt.052.001.{n:02}" for n in (2, 3, 4, 6, 8, 10))
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)
AMOUNT_MAX = 10**30


class _Context(NamedTuple):
    """Of one statement while it is read."""

    account: str
    currency: str
    number: int
    digits: int


def read_statements(content: bytes, digits: int) -> list[Statement]:
    """All booked statements of a camt.053 file. `digits`: decimals of the account's currency.
    Raises `StatementHeld` for anything else."""
    document, kind = _parse(content)
    if kind not in STATEMENTS:
        raise StatementHeld(f"{kind} is no statement: only camt.053 is final")
    return [_read_statement(each, digits) for each in document.bk_to_cstmr_stmt.stmt]


def count_expected(content: bytes) -> int:
    """Entries of a camt.052 file, whatever their state: a hint that something is under way."""
    document, kind = _parse(content)
    if kind not in REPORTS:
        raise StatementHeld(f"{kind} is no report")
    return sum(len(each.ntry) for each in document.bk_to_cstmr_acct_rpt.rpt)


def _parse(content: bytes) -> tuple[Any, str]:
    from xsdata.exceptions import ParserError
    from xsdata.formats.dataclass.parsers import XmlParser
    from xsdata.formats.dataclass.parsers.config import ParserConfig

    root, kind = _read_xml(content)
    name = kind.replace(".", "_")
    if kind not in STATEMENTS | REPORTS:
        raise StatementHeld(f"{kind[:40]} is none of the messages that are read")
    module = importlib.import_module(f"pyiso20022.{name[:4]}.{name}.{name}")
    config = ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True)
    try:
        return XmlParser(config=config).parse(root, module.Document), kind
    except (ParserError, ValueError, TypeError, ArithmeticError, Warning) as error:
        raise StatementHeld(f"it is no {kind}: {error}"[:200]) from None


def _read_xml(content: bytes) -> tuple[Any, str]:
    """The root, and what message it is by its namespace."""
    from lxml import etree  # type: ignore[import-untyped]

    if len(content) > BYTES_MAX:
        raise StatementHeld(f"it has more than {BYTES_MAX} bytes")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(content, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise StatementHeld(f"it is no XML: {error}"[:200]) from None
    if root.getroottree().docinfo.doctype:
        raise StatementHeld("it has a document type, which no bank needs")
    namespace = etree.QName(root).namespace or ""
    if not namespace.startswith(NAMESPACE):
        raise StatementHeld("it is no message of ISO 20022")
    return root, namespace.removeprefix(NAMESPACE)


def _read_statement(stated: Any, digits: int) -> Statement:
    number = stated.elctrnc_seq_nb if stated.elctrnc_seq_nb is not None else stated.lgl_seq_nb
    if number is None or number != int(number) or not 0 < number < 2**53:
        raise StatementHeld("a statement has no number")
    account = _read_account(stated.acct)
    opening, currency = _read_balance(stated, OPENING, digits)
    closing, other = _read_balance(stated, CLOSING, digits)
    if currency != other:
        raise StatementHeld(f"statement {number}: its balances are in two currencies")
    context = _Context(account, currency, int(number), digits)
    items = tuple(
        item
        for place, entry in enumerate(stated.ntry, 1)
        for item in _read_entry(context, place, entry)
    )
    if len(items) > ITEMS_MAX:
        raise StatementHeld(f"statement {number} has more than {ITEMS_MAX} movements")
    booked_ms = max((each.booked_ms for each in items), default=_read_closing_day(stated))
    return Statement(account, currency, int(number), opening, closing, booked_ms, items)


def _read_account(stated: Any) -> str:
    named = stated.id
    if named.iban:
        return str(named.iban)
    if named.othr is not None and named.othr.id:
        return str(named.othr.id)
    raise StatementHeld("a statement names no account")


def _read_balance(stated: Any, kinds: tuple[str, ...], digits: int) -> tuple[int, str]:
    """The first of these kinds, signed, and its currency."""
    for kind in kinds:
        for each in stated.bal:
            code = each.tp.cd_or_prtry.cd
            if code is not None and getattr(code, "value", code) == kind:
                amount = _read_amount(each.amt, digits)
                is_credit = _is_credit(each.cdt_dbt_ind)
                return amount if is_credit else -amount, str(each.amt.ccy)
    raise StatementHeld(f"a statement has no balance {' or '.join(kinds)}")


def _read_closing_day(stated: Any) -> int:
    for each in stated.bal:
        code = each.tp.cd_or_prtry.cd
        if code is not None and getattr(code, "value", code) == CLOSING[0]:
            return _read_day(each.dt)
    return 0


def _read_amount(stated: Any, digits: int) -> int:
    value = Decimal(stated.value).scaleb(digits)
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise StatementHeld(f"an amount is no whole number of smallest units: {stated.value}")
    if value > AMOUNT_MAX:
        raise StatementHeld("an amount is out of range")
    return int(value)


def _is_credit(indicator: Any) -> bool:
    return str(getattr(indicator, "value", indicator)) == "CRDT"


def _is_booked(entry: Any) -> bool:
    """Older versions have the code itself where newer ones have a choice."""
    state = getattr(entry.sts, "cd", entry.sts)
    return str(getattr(state, "value", state)) == "BOOK"


def _read_day(stated: Any) -> int:
    """Milliseconds since 1970 of the day's beginning, UTC."""
    moment = stated.dt if stated.dt is not None else stated.dt_tm
    if moment is None:
        raise StatementHeld("an entry has no booking date")
    day = datetime.date(moment.year, moment.month, moment.day)
    return (day - datetime.date(1970, 1, 1)).days * DAY_MS


def _read_entry(context: _Context, place: int, entry: Any) -> Iterator[Item]:
    """One item for each detail, or one for the entry; what is not booked yet counts for nothing."""
    if not _is_booked(entry):
        return
    if str(entry.amt.ccy) != context.currency:
        raise StatementHeld(f"statement {context.number}: an entry is in {entry.amt.ccy}")
    if entry.bookg_dt is None:
        raise StatementHeld(f"statement {context.number}: an entry has no booking date")
    amount, details = _read_amount(entry.amt, context.digits), list(_find_details(entry))
    amounts = [_read_detail_amount(each, context) for each in details]
    if len(details) == 1 and amounts[0] is None:
        amounts = [amount]
    if details and (None in amounts or sum(each or 0 for each in amounts) != amount):
        raise StatementHeld(f"statement {context.number}: the details of an entry do not make it")
    for ordinal, (detail, each) in enumerate(
        zip(details or [None], amounts or [amount], strict=True)
    ):
        key, number = _name(context, place, entry, detail, ordinal)
        yield Item(
            key=key,
            ordinal=number,
            is_credit=_is_credit(entry.cdt_dbt_ind),
            amount=int(each or 0),
            booked_ms=_read_day(entry.bookg_dt),
            reference=find_reference(list(_find_texts(detail))),
            end_to_end_id=_get_reference(detail, "end_to_end_id"),
            is_reversal=bool(entry.rvsl_ind),
            is_return=detail is not None and getattr(detail, "rtr_inf", None) is not None,
        )


def _find_details(entry: Any) -> Iterator[Any]:
    for group in entry.ntry_dtls:
        yield from group.tx_dtls


def _name(context: _Context, place: int, entry: Any, detail: Any, ordinal: int) -> tuple[Hash, int]:
    """By the bank's reference of the detail, else of the entry and the detail's place in it, else
    by place alone. Never by what the payer wrote."""
    own = _get_reference(detail, "acct_svcr_ref")
    if own:
        return make_item_key(context.account, own), 0
    if entry.acct_svcr_ref:
        return make_item_key(context.account, str(entry.acct_svcr_ref)), ordinal
    return make_placed_key(context.account, context.number, place), ordinal


def _get_reference(detail: Any, name: str) -> str:
    references = None if detail is None else detail.refs
    return str(getattr(references, name, None) or "")


def _read_detail_amount(detail: Any, context: _Context) -> int | None:
    """Newer versions state it plainly, older ones among the details of amounts; only what is in the
    account's currency counts."""
    stated = getattr(detail, "amt", None)
    if stated is None and detail.amt_dtls is not None and detail.amt_dtls.tx_amt is not None:
        stated = detail.amt_dtls.tx_amt.amt
    if stated is None:
        return None
    if str(stated.ccy) != context.currency:
        raise StatementHeld(f"statement {context.number}: a detail is in {stated.ccy}")
    return _read_amount(stated, context.digits)


def _find_texts(detail: Any) -> Iterator[str]:
    """What the payer wrote: the structured reference alone if there is one."""
    stated = None if detail is None else detail.rmt_inf
    if stated is None:
        return
    structured = [
        str(each.cdtr_ref_inf.ref)
        for each in stated.strd
        if each.cdtr_ref_inf is not None and each.cdtr_ref_inf.ref
    ]
    yield from structured or stated.ustrd

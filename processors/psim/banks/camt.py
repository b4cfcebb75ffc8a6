"""Reads camt.053 and camt.052 (bank to customer statement, and report) as statements. Pure."""

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from processors.psim.banks.iso20022 import get_code
from processors.psim.banks.statements import (
    Expected,
    Item,
    Statement,
    StatementHeld,
    find_reference,
    make_item_key,
    make_placed_key,
)
from schemas.generated.common import Hash

ITEMS_MAX = 100_000
DAY_MS = 86_400_000
STATEMENTS = frozenset(f"camt.053.001.{n:02}" for n in (2, 3, 4, 6, 8, 10))
REPORTS = frozenset(f"camt.052.001.{n:02}" for n in (2, 3, 4, 6, 8, 10))
OPENING, CLOSING = ("OPBD", "PRCD"), ("CLBD",)
AMOUNT_MAX = 10**30
CHARGES = frozenset({"CHRG", "COMM", "COME", "COMI", "COMT", "FEES"})
"""Sub-families of ISO's transaction codes by which a bank books its fees; SWIFT has its own."""
SWIFT_CHARGE = "NCHG"


class _Context(NamedTuple):
    """Of one statement while it is read."""

    account: str
    currency: str
    number: int
    digits: int


def read_statements(document: Any, digits: int) -> list[Statement]:
    """All booked statements of a camt.053. `digits`: decimals of the account's currency. Raises
    `StatementHeld`."""
    return [_read_statement(each, digits) for each in document.bk_to_cstmr_stmt.stmt]


def read_expected(document: Any, digits: int) -> list[Expected]:
    """What a camt.052 tells of an account, booked or not: nothing is credited for it, but whoever
    waits for it may see it. Raises `StatementHeld`."""
    found = []
    for report in document.bk_to_cstmr_acct_rpt.rpt:
        account = _read_account(report.acct)
        for place, entry in enumerate(report.ntry, 1):
            currency = str(entry.amt.ccy)
            context = _Context(account, currency, 0, digits)
            for item in _read_items(context, place, entry):
                found.append(Expected(account, currency, item))
    return found


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
            if code is not None and get_code(code) == kind:
                amount = _read_amount(each.amt, digits)
                is_credit = _is_credit(each.cdt_dbt_ind)
                return amount if is_credit else -amount, str(each.amt.ccy)
    raise StatementHeld(f"a statement has no balance {' or '.join(kinds)}")


def _read_closing_day(stated: Any) -> int:
    for each in stated.bal:
        code = each.tp.cd_or_prtry.cd
        if code is not None and get_code(code) == CLOSING[0]:
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
    return get_code(indicator) == "CRDT"


def _is_charge(code: Any) -> bool:
    """By ISO's code, else by the bank's own."""
    if code is None:
        return False
    if code.domn is not None:
        return str(code.domn.fmly.sub_fmly_cd) in CHARGES
    return code.prtry is not None and str(code.prtry.cd).startswith(SWIFT_CHARGE)


def _is_booked(entry: Any) -> bool:
    """Older versions have the code itself where newer ones have a choice."""
    state = getattr(entry.sts, "cd", entry.sts)
    return get_code(state) == "BOOK"


def _read_day(stated: Any) -> int:
    """Milliseconds since 1970 of the day's beginning, UTC."""
    moment = stated.dt if stated.dt is not None else stated.dt_tm
    if moment is None:
        raise StatementHeld("an entry has no booking date")
    day = datetime.date(moment.year, moment.month, moment.day)
    return (day - datetime.date(1970, 1, 1)).days * DAY_MS


def _read_entry(context: _Context, place: int, entry: Any) -> Iterator[Item]:
    """One item for each detail, or one for the entry; what is not booked yet counts for nothing."""
    if _is_booked(entry):
        yield from _read_items(context, place, entry)


def _read_items(context: _Context, place: int, entry: Any) -> Iterator[Item]:
    if str(entry.amt.ccy) != context.currency:
        raise StatementHeld(f"statement {context.number}: an entry is in {entry.amt.ccy}")
    if entry.bookg_dt is None and _is_booked(entry):
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
            booked_ms=0 if entry.bookg_dt is None else _read_day(entry.bookg_dt),
            reference=find_reference(list(_find_texts(detail))),
            end_to_end_id=_get_reference(detail, "end_to_end_id"),
            is_reversal=bool(entry.rvsl_ind),
            is_return=detail is not None and getattr(detail, "rtr_inf", None) is not None,
            is_charge=_is_charge(getattr(detail, "bk_tx_cd", None) or entry.bk_tx_cd),
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

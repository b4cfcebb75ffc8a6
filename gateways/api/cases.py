"""Cases of KYC: what became of what people handed in. Read from the projection (processors/kyc),
which holds ids and codes only.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from gateways.api.access import (
    ACCOUNT,
    Right,
    get_account,
    make_administrator_guard,
    make_guard,
)
from gateways.api.answers import Meta, Row, read_rows, respond_one, respond_rows
from gateways.api.problems import CASES_UNAVAILABLE, LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.http.jsonapi import Document, Listing, Resource, relate
from gateways.http.keyset import Collection, Filter
from gateways.http.parameter_types import ACCOUNT_ID, NUMBER, choice
from gateways.http.problems import BAD_CURSOR, BAD_REQUEST, FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import PAGE, Call, Parameter, Route
from gateways.http.store import Store
from schemas.strkey import encode_account_id
from schemas.values import format_time

STATES = (
    *("SUBMITTED", "REJECTED", "APPROVED", "REFUSED", "CANCELLED", "RECOVERED", "EXPIRED"),
    "ERASED",
)
CASE = Parameter("id", NUMBER, "The number of the request on the ledger.")
IN_STATE = Filter(
    Parameter("filter[state]", choice(*STATES), "Only those in this state."), "shown_state = %s"
)
OF_ACCOUNT = Filter(
    Parameter("filter[account]", ACCOUNT_ID, "Of this account only."), "account_id = %s"
)
COLUMNS = (
    "request_id, account_id, kind, shown_state, role_id, commitment, schema_id, sequence_number,"
    " request_hash, all_tasks, pending_tasks, reason, checks, checked_at_ms, awaits_scan, is_held,"
    " reviewers, created_at_ms, changed_at_ms"
)
CASES = Collection(
    "cases",
    "kyc.case_list",
    COLUMNS,
    "request_id",
    NUMBER,
    (Filter(ACCOUNT, "account_id = %s"), IN_STATE, OF_ACCOUNT),
)
FIND = f"select {COLUMNS} from kyc.case_list where request_id = %s"  # noqa: S608


class CaseAttributes(msgspec.Struct, frozen=True):
    """`state`: SUBMITTED while tasks are pending; `reasons`: of a rejection, as codes; `checks`:
    what the checker found, null: it has not looked yet; `awaits_scan`: it waits for a scanner;
    `is_held`: the law keeps it from being erased. `reviewers`: the keys that signed the review."""

    kind: str
    state: str
    role_id: str | None
    commitment: str | None
    schema_id: str | None
    sequence_number: str | None
    request_hash: str | None
    all_tasks: int | None
    pending_tasks: int
    reasons: list[str]
    checks: list[str] | None
    checked_at: str | None
    awaits_scan: bool
    is_held: bool
    reviewers: list[str]
    created_at: str
    changed_at: str


async def list_own(call: Call) -> Response:
    """Of the account in the path."""
    return await _list(call, {ACCOUNT.name: get_account(call)})


async def list_all(call: Call) -> Response:
    """Of all accounts, the newest first."""
    return await _list(call, {})


async def get_case(call: Call) -> Response:
    rows = await get_cases(call.service).execute(FIND, (call.path[CASE.name],))
    if not rows:
        raise Problem(NOT_FOUND, "there is no such case")
    return respond_one(call, _render(rows[0]))


def get_cases(api: Api) -> Store:
    """The projection's database. Raises Problem."""
    if api.cases is None:
        raise Problem(CASES_UNAVAILABLE, "this API has no projection of cases")
    return api.cases


async def _list(call: Call, filters: dict[str, Any]) -> Response:
    rows, links = await read_rows(call, CASES, filters, get_cases(call.service))
    return respond_rows(call, rows, links, _render)


def _render(row: Row) -> Resource[CaseAttributes]:
    request_id, account_id, kind, state, role_id, commitment, schema_id = row[:7]
    sequence_number, request_hash, all_tasks, pending_tasks, reason = row[7:12]
    checks, checked_at_ms, awaits_scan, is_held, reviewers, created_at_ms, changed_at_ms = row[12:]
    attributes = CaseAttributes(
        kind,
        state,
        _show(role_id),
        None if commitment is None else commitment.hex(),
        _show(schema_id),
        _show(sequence_number),
        None if request_hash is None else request_hash.hex(),
        all_tasks,
        pending_tasks,
        reason.split(),
        None if checks is None else checks.split(),
        None if checked_at_ms is None else format_time(checked_at_ms),
        awaits_scan,
        is_held,
        [encode_account_id(each) for each in reviewers],
        format_time(created_at_ms),
        format_time(changed_at_ms),
    )
    of = relate("accounts", encode_account_id(account_id))
    return Resource("cases", str(request_id), attributes, {"account": of})


def _show(number: int | None) -> str | None:
    return None if number is None else str(number)


_PROBLEMS = (BAD_REQUEST, FORBIDDEN, LEDGER_UNAVAILABLE, CASES_UNAVAILABLE)

ROUTES = (
    Route(
        "/v1/accounts/{account}/cases",
        "GET",
        list_own,
        "The cases of an account.",
        make_guard(Right.READ_DOCUMENTS),
        response=Listing[CaseAttributes, Meta],
        path_parameters=(ACCOUNT,),
        parameters=(IN_STATE.parameter, *PAGE),
        problems=(*_PROBLEMS, BAD_CURSOR),
        tag="kyc",
    ),
    Route(
        "/v1/cases",
        "GET",
        list_all,
        "All cases, for administrators.",
        make_administrator_guard(Right.READ_DOCUMENTS),
        response=Listing[CaseAttributes, Meta],
        parameters=(IN_STATE.parameter, OF_ACCOUNT.parameter, *PAGE),
        problems=(*_PROBLEMS, BAD_CURSOR),
        tag="kyc",
    ),
    Route(
        "/v1/cases/{id}",
        "GET",
        get_case,
        "One case, for administrators.",
        make_administrator_guard(Right.READ_DOCUMENTS),
        response=Document[CaseAttributes, Meta],
        path_parameters=(CASE,),
        problems=(*_PROBLEMS, NOT_FOUND),
        tag="kyc",
    ),
)

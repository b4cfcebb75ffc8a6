"""Statements: every movement of a balance within a range of ledgers, as CSV or NDJSON.

Each line names its ledger with the header's hash, so that it can be checked against the log. The
first line says what the balance held before, the last one what it held at the end: an answer
without that last line was cut off and must be asked for again.
"""

import csv
import io
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import msgspec
import structlog
from starlette.responses import Response, StreamingResponse

from gateways.horizon.balances import BALANCE, ID, get_row_at, guard_balance
from gateways.horizon.ids import get_ledger_range
from gateways.horizon.problems import VIEW_UNAVAILABLE
from gateways.horizon.resource import get_one, require_ledger
from gateways.horizon.responses import LATEST_LEDGER
from gateways.horizon.service import Horizon
from gateways.http.keyset import PageQuery
from gateways.http.parameter_types import NUMBER
from gateways.http.problems import BAD_REQUEST, FORBIDDEN, NOT_FOUND, Problem
from gateways.http.routes import UNCACHED, Call, Parameter, Route
from schemas.generated.ledger import EffectKind
from schemas.values import format_amount, format_time
from streams.ledger.balances import compute_movement

log = structlog.get_logger()

LINES_A_READ = 1_000
OPENING, CLOSING = "opening", "closing"
MOVEMENTS = (
    "select m.id, m.operation_id, m.kind, m.amount, m.fee_fixed, m.fee_percent, m.close_time_ms,"
    " l.header_hash, o.transaction_hash from horizon.movements m"
    " join horizon.ledgers l on l.sequence = m.id >> 32"
    " join horizon.operations o on o.id = m.operation_id"
    " where m.balance_id = %s and m.id > %s and m.id < %s"
    " order by m.id limit %s"
)
LEDGER = "select header_hash, close_time_ms from horizon.ledgers where sequence = %s"


class StatementLine(msgspec.Struct, frozen=True):
    """One line. Amounts are decimal; `available` and `locked` are what the balance held after it.
    `kind`: opening, closing, or what moved as in /v3/movements; the first two move nothing."""

    kind: str
    ledger: str
    ledger_hash: str
    closed_at: str
    operation: str
    transaction_hash: str
    amount: str
    fee_fixed: str
    fee_percent: str
    available: str
    locked: str


Encode = Callable[[list[StatementLine]], bytes]
COLUMNS = StatementLine.__struct_fields__


def _encode_csv(lines: list[StatementLine]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)  # lines end with CR LF (RFC 4180)
    if any(each.kind == OPENING for each in lines):
        writer.writerow(COLUMNS)
    writer.writerows(msgspec.structs.astuple(each) for each in lines)
    return text.getvalue().encode()


def _encode_ndjson(lines: list[StatementLine]) -> bytes:
    return b"".join(msgspec.json.encode(each) + b"\n" for each in lines)


def _make_handler(media_type: str, encode: Encode) -> Callable[[Call], Any]:
    async def get_statement(call: Call) -> Response:
        horizon: Horizon = call.service
        row, snapshot = await get_one(call, BALANCE, "id", "balance")
        first = call.query.get("from_ledger", 1)
        last = call.query.get("to_ledger", snapshot.sequence)
        require_ledger(last, snapshot)
        if not 1 <= first <= last:
            detail = "from_ledger must be at least 1 and at most to_ledger"
            raise Problem(BAD_REQUEST, detail, {"parameter": "from_ledger"})
        digits = (await horizon.scales.get({row.asset})).digits[row.asset]
        lines = _read_lines(horizon, row, first, last, digits)
        return StreamingResponse(
            (encode(each) async for each in lines),
            media_type=media_type,
            headers={LATEST_LEDGER: str(snapshot.sequence)},
        )

    return get_statement


async def _read_lines(
    horizon: Horizon, row: Any, first: int, last: int, digits: int
) -> AsyncIterator[list[StatementLine]]:
    opening = await get_row_at(horizon, row, first - 1)
    held = (int(opening.amount), int(opening.locked))
    yield [await _make_end(horizon, OPENING, max(first - 1, 1), held, digits)]
    position, end = get_ledger_range(first)[0] - 1, get_ledger_range(last)[1]
    while True:
        query = PageQuery(MOVEMENTS, (row.balance_id, position, end, LINES_A_READ))
        rows = (await horizon.database.get_pages(query)).rows[0]
        lines = []
        for each in rows:
            held, line = _make_line(each, held, digits)
            lines.append(line)
        if lines:
            yield lines
        if len(rows) < LINES_A_READ:
            break
        position = rows[-1].id
    closing = await get_row_at(horizon, row, last)
    if held != (int(closing.amount), int(closing.locked)):
        log.error("a statement does not add up", balance=row.balance_id.hex(), ledger=last)
        raise Problem(VIEW_UNAVAILABLE, "the movements do not explain the balance")
    yield [await _make_end(horizon, CLOSING, last, held, digits)]


def _make_line(row: Any, held: tuple[int, int], digits: int) -> tuple[tuple[int, int], Any]:
    fee = (int(row.fee_fixed), int(row.fee_percent))
    moved = compute_movement(EffectKind[row.kind], int(row.amount), sum(fee))
    available, locked = held[0] + moved[0], held[1] + moved[1]
    amounts = (int(row.amount), *fee, available, locked)
    return (available, locked), StatementLine(
        row.kind.lower(),
        str(row.id >> 32),
        row.header_hash.hex(),
        format_time(row.close_time_ms),
        str(row.operation_id),
        row.transaction_hash.hex(),
        *(format_amount(each, digits) for each in amounts),
    )


async def _make_end(
    horizon: Horizon, kind: str, sequence: int, held: tuple[int, int], digits: int
) -> StatementLine:
    """The opening line names the ledger before the range, or the genesis."""
    snapshot = await horizon.database.get_pages(PageQuery(LEDGER, (sequence,)))
    (ledger,) = snapshot.rows[0]
    amounts = (0, 0, 0, *held)
    return StatementLine(
        kind,
        str(sequence),
        ledger.header_hash.hex(),
        format_time(ledger.close_time_ms),
        "",
        "",
        *(format_amount(each, digits) for each in amounts),
    )


def _make_routes() -> Iterator[Route]:
    for suffix, media_type, encode in (
        ("csv", "text/csv", _encode_csv),
        ("ndjson", "application/x-ndjson", _encode_ndjson),
    ):
        yield Route(
            f"/v3/balances/{{id}}/statement.{suffix}",
            "GET",
            _make_handler(media_type, encode),
            "Every movement of a balance within a range of ledgers, oldest first, with what the"
            " balance held after it. The last line is `closing`: without it the answer was cut off",
            guard_balance,
            media_type=media_type,
            path_parameters=(ID,),
            parameters=(
                Parameter("from_ledger", NUMBER, "The first ledger; the genesis unless given."),
                Parameter("to_ledger", NUMBER, "The last ledger; the newest unless given."),
            ),
            problems=(BAD_REQUEST, NOT_FOUND, FORBIDDEN, VIEW_UNAVAILABLE),
            tag="balances",
            cache_control=UNCACHED,
        )


ROUTES = tuple(_make_routes())

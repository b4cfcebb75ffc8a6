"""Rates: the history of asset pairs' prices, and candles of it.

Prices are decimals of whole units, as people read them; the exact ratio of smallest units, by which
the ledger converts, stands beside each.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.parameters import ASSET_PAIR
from gateways.horizon.problems import VIEW_UNAVAILABLE
from gateways.horizon.resource import (
    Rendered,
    ResourceCollection,
    get_row_id,
    list_route,
    require_parameter,
)
from gateways.horizon.responses import Meta, make_meta, respond
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Links, Listing, Resource, relate
from gateways.http.keyset import Filter, PageQuery
from gateways.http.parameter_types import LIMIT, LIMIT_DEFAULT, NUMBER, TIME, choice
from gateways.http.problems import BAD_REQUEST
from gateways.http.routes import Call, Parameter, Route
from schemas.readable import Scales, show_account
from schemas.values import format_time

DECIMALS = Context(prec=18, rounding=ROUND_HALF_EVEN)
INTERVALS = {"1m": 60_000, "5m": 300_000, "1h": 3_600_000, "1d": 86_400_000}
CANDLES = (
    "select close_time_ms / %s as number, count(*) as count,"
    " (array_agg(row(r.numerator, r.denominator)::text order by id))[1] as open,"
    " (array_agg(row(r.numerator, r.denominator)::text"
    " order by r.numerator / r.denominator desc))[1] as high,"
    " (array_agg(row(r.numerator, r.denominator)::text"
    " order by r.numerator / r.denominator))[1] as low,"
    " (array_agg(row(r.numerator, r.denominator)::text order by id desc))[1] as close"
    " from horizon.rates r where base = %s and quote = %s and close_time_ms < %s"
    " and close_time_ms >= %s group by number order by number desc limit %s"
)
SPAN = 10
"""Candles are looked for in so many times the intervals that are asked for: prices may be rare."""


class RateAttributes(msgspec.Struct, frozen=True):
    """A price that was set. `price`: what one whole `base` is worth in `quote`, rounded to 18
    digits; `numerator` and `denominator`: exactly, of smallest units."""

    base: str
    quote: str
    price: str
    numerator: str
    denominator: str
    round: str
    account: str
    ledger_sequence: str
    applied_at: str


class CandleAttributes(msgspec.Struct, frozen=True):
    """The prices that were set within an interval, which begins at `at`."""

    base: str
    quote: str
    at: str
    interval: str
    count: int
    open: str
    high: str
    low: str
    close: str


def show_price(numerator: int, denominator: int, base_digits: int, quote_digits: int) -> str:
    """What one whole unit of the base is worth."""
    over = Decimal(numerator).scaleb(base_digits)
    under = Decimal(denominator).scaleb(quote_digits)
    return f"{DECIMALS.divide(over, under).normalize(DECIMALS):f}"


def _find_digits(scales: Scales, base: str, quote: str) -> tuple[int, int]:
    return scales.digits[base], scales.digits[quote]


async def render_rates(horizon: Horizon, rows: Sequence[Any]) -> Rendered:
    scales = await horizon.scales.get({code for row in rows for code in (row.base, row.quote)})
    return [_render_rate(row, scales) for row in rows]


def _render_rate(row: Any, scales: Scales) -> Resource[RateAttributes]:
    numerator, denominator = int(row.numerator), int(row.denominator)
    digits = _find_digits(scales, row.base, row.quote)
    account = show_account(row.account_id)
    attributes = RateAttributes(
        base=row.base,
        quote=row.quote,
        price=show_price(numerator, denominator, *digits),
        numerator=str(numerator),
        denominator=str(denominator),
        round=str(int(row.round)),
        account=account,
        ledger_sequence=str(row.id >> 32),
        applied_at=format_time(row.close_time_ms),
    )
    relationships = {
        "asset-pair": relate("asset-pairs", f"{row.base}:{row.quote}"),
        "account": relate("accounts", account),
        "operation": relate("operations", str(row.operation_id)),
    }
    return Resource("rates", str(row.id), attributes, relationships)


RATES = ResourceCollection(
    "rates",
    "horizon.rates r",
    "r.*",
    "r.id",
    NUMBER,
    (
        Filter(
            Parameter("filter[pair]", ASSET_PAIR, "Only those of this pair, as BTC:EUR."),
            "r.base = %s and r.quote = %s",
            lambda pair: pair,
        ),
    ),
    render=render_rates,
    get_key=get_row_id,
)


async def list_candles(call: Call) -> Response:
    """The newest first; intervals in which no price was set have no candle."""
    horizon: Horizon = call.service
    require_parameter(call.query, "interval")
    base, quote = call.path["pair"]
    name, limit = call.query["interval"], call.query.get("limit", LIMIT_DEFAULT)
    interval_ms, until_ms = INTERVALS[name], call.query.get("until")
    if until_ms is None:
        until_ms = (await horizon.database.get_points()).close_time_ms + 1
    since_ms = max(until_ms - SPAN * limit * interval_ms, 0)
    query = PageQuery(CANDLES, (interval_ms, base, quote, until_ms, since_ms, limit))
    snapshot = await horizon.database.get_pages(query)
    rows = snapshot.rows[0]
    shown: Rendered = []
    if rows:
        digits = _find_digits(await horizon.scales.get({base, quote}), base, quote)
        pair = f"{base}:{quote}"
        for row in rows:
            at = format_time(row.number * interval_ms)
            prices = (_show(each, digits) for each in (row.open, row.high, row.low, row.close))
            attributes = CandleAttributes(base, quote, at, name, row.count, *prices)
            shown.append(Resource("candles", f"{pair}/{name}/{row.number}", attributes))
    meta = make_meta(snapshot.sequence, snapshot.close_time_ms)
    links = Links(f"{call.public_url}{call.request.scope['path']}")
    return respond(Listing(shown, links, meta), snapshot.sequence)


def _show(row: str, digits: tuple[int, int]) -> str:
    """From PostgreSQL's text of a pair of numbers."""
    numerator, _, denominator = row.strip("()").partition(",")
    return show_price(int(numerator), int(denominator), *digits)


ROUTES = (
    list_route(
        "/v3/rates",
        RATES,
        RateAttributes,
        "Prices of asset pairs, as they were set.",
        is_public=True,
        streams=True,
    ),
    Route(
        "/v3/rates/{pair}/candles",
        "GET",
        list_candles,
        "Prices by interval, the newest first: open, high, low, close.",
        response=Listing[CandleAttributes, Meta],
        path_parameters=(Parameter("pair", ASSET_PAIR, "BASE:QUOTE, the codes of the assets."),),
        parameters=(
            Parameter("interval", choice(*INTERVALS), "How long each is.", is_required=True),
            Parameter("until", TIME, "Only before this time; the newest unless given."),
            Parameter("limit", LIMIT, "The most candles."),
        ),
        problems=(BAD_REQUEST, VIEW_UNAVAILABLE),
        tag="rates",
    ),
)

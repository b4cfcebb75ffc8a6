"""What each provider of prices is asked, and what its answers mean; one row of `PROVIDERS` each.

The shapes are those of the providers' public documents, as of 2025: nobody was asked for them.
Pure: bytes in, a number and its time out. Numbers are never floats.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from processors.psim.rates.numbers import NoPrice

INTEGER_DIGITS_MAX = 64


class Question(NamedTuple):
    """`path`: with its query, below the provider's URL."""

    path: str
    headers: Mapping[str, str]


class Answer(NamedTuple):
    """`number`: as the provider wrote it. `time_ms`: when it was true; None: it does not say."""

    number: Decimal | int | str
    time_ms: int | None


class Shape(NamedTuple):
    """`ask`: of a symbol, with the key if there is one. `read`: raises what digging into somebody
    else's JSON may raise, which `read_answer` makes `NoPrice`."""

    url: str
    ask: Callable[[str, str | None], Question]
    read: Callable[[Any, str], Answer]


def read_answer(read: Callable[[Any, str], Answer], content: bytes, symbol: str) -> Answer:
    """Raises `NoPrice` for whatever is not what the provider's documents say."""
    try:
        document = json.loads(
            content, parse_float=Decimal, parse_int=_read_integer, parse_constant=_refuse
        )
        return read(document, symbol)
    except NoPrice:
        raise
    except (ValueError, ArithmeticError, RecursionError):
        raise NoPrice("the answer is no JSON") from None
    except (LookupError, TypeError, AttributeError):
        raise NoPrice("the answer has another form") from None


def _read_integer(text: str) -> int | Decimal:
    """Python reads no integer of thousands of digits, and none is a price."""
    return Decimal(text) if len(text) > INTEGER_DIGITS_MAX else int(text)


def _refuse(name: str) -> None:
    raise NoPrice(f"{name} is no number")


def _read_number(value: Any) -> Decimal | int | str:
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise NoPrice("the price is no number")
    return value


def read_iso_ms(text: str) -> int:
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def _ask_path(template: str) -> Callable[[str, str | None], Question]:
    return lambda symbol, _: Question(template.format(quote(symbol, safe="")), {})


def _read_poloniex(document: Any, _: str) -> Answer:
    """Markets, price: {"symbol", "price", "time", "ts"}; times in milliseconds."""
    return Answer(_read_number(document["price"]), int(document["time"]))


def _ask_coinmarketcap(symbol: str, key: str | None) -> Question:
    """`symbol`: BASE/QUOTE."""
    base, _, to = symbol.partition("/")
    query = urlencode({"symbol": base, "convert": to})
    headers = {} if key is None else {"X-CMC_PRO_API_KEY": key}
    return Question(f"/v2/cryptocurrency/quotes/latest?{query}", headers)


def _read_coinmarketcap(document: Any, symbol: str) -> Answer:
    """Quotes, latest, v2: of a symbol that several coins have, the first is the largest."""
    base, _, to = symbol.partition("/")
    found = document["data"][base][0]["quote"][to]
    return Answer(_read_number(found["price"]), read_iso_ms(found["last_updated"]))


def _read_kraken(document: Any, _: str) -> Answer:
    """Ticker: the result has one pair, whatever it is called; `c` is the last trade. No time."""
    if document["error"]:
        raise NoPrice("the provider tells of an error")
    (ticker,) = document["result"].values()
    return Answer(_read_number(ticker["c"][0]), None)


def _read_coinbase(document: Any, _: str) -> Answer:
    """Exchange, product ticker."""
    return Answer(_read_number(document["price"]), read_iso_ms(document["time"]))


def _read_bitstamp(document: Any, _: str) -> Answer:
    """Ticker: `timestamp` in seconds, as a text."""
    return Answer(_read_number(document["last"]), int(document["timestamp"]) * 1000)


PROVIDERS: Mapping[str, Shape] = {
    "poloniex": Shape("https://api.poloniex.com", _ask_path("/markets/{}/price"), _read_poloniex),
    "coinmarketcap": Shape(
        "https://pro-api.coinmarketcap.com", _ask_coinmarketcap, _read_coinmarketcap
    ),
    "kraken": Shape("https://api.kraken.com", _ask_path("/0/public/Ticker?pair={}"), _read_kraken),
    "coinbase": Shape(
        "https://api.exchange.coinbase.com", _ask_path("/products/{}/ticker"), _read_coinbase
    ),
    "bitstamp": Shape("https://www.bitstamp.net", _ask_path("/api/v2/ticker/{}/"), _read_bitstamp),
}


class JsonPath(NamedTuple):
    """The generic one. `path`: with {symbol}; `price` and `time`: names
    and numbers divided by dots; `unit` of the time: s, ms or iso."""

    path: str
    price: str
    time: str | None
    unit: str
    key_header: str | None


def make_json_shape(stated: JsonPath) -> Shape:
    def ask(symbol: str, key: str | None) -> Question:
        named = {stated.key_header: key} if stated.key_header and key else {}
        path = stated.path.replace("{symbol}", quote(symbol, safe=""))
        return Question(path, named)

    def read(document: Any, _: str) -> Answer:
        number = _read_number(_dig(document, stated.price))
        if stated.time is None:
            return Answer(number, None)
        found = _dig(document, stated.time)
        if stated.unit == "iso":
            return Answer(number, read_iso_ms(found))
        return Answer(number, int(Decimal(found) * (1000 if stated.unit == "s" else 1)))

    return Shape("", ask, read)


def _dig(document: Any, path: str) -> Any:
    for name in path.split("."):
        document = document[int(name) if isinstance(document, list) else name]
    return document

"""Providers of prices, in the shapes of their public documents, that lie when they are told to.

Every provider quotes near the one true price that was set last. What is set survives a restart.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

LAG_MS = 3_600_000
SLOW_S = 60.0
FIRST = {"BTCUSD": "60000"}
TICK = Decimal("0.000001")
HTML = b"<!doctype html><title>Be right back</title><h1>503</h1>"


class Mode(StrEnum):
    """What a provider does."""

    WELL = "well"
    LIES = "lies"
    LAGS = "lags"
    FROZEN = "frozen"
    SWAPPED = "swapped"
    NAN = "nan"
    THOUSANDFOLD = "thousandfold"
    HTML = "html"
    ERROR = "error"
    BUSY = "busy"
    SLOW = "slow"
    HUGE = "huge"


class State(msgspec.Struct):
    """`prices` by canonical symbol, as BTCUSD; `modes` by provider."""

    prices: dict[str, str]
    modes: dict[str, str]
    frozen_ms: int = 0


def make_canonical(symbol: str) -> str:
    """One name for what providers write as BTC-USD, BTC_USDT, XBTUSD, btcusd."""
    letters = "".join(each for each in symbol.upper() if each.isalnum())
    return letters.replace("XBT", "BTC").replace("USDT", "USD")


def show_iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def _shape_poloniex(symbol: str, price: str, time_ms: int) -> Any:
    return {"symbol": symbol, "price": price, "time": time_ms, "dailyChange": "0", "ts": time_ms}


def _shape_coinmarketcap(symbol: str, price: str, time_ms: int) -> Any:
    base, _, to = symbol.partition("/")
    quote = {to: {"price": msgspec.Raw(price.encode()), "last_updated": show_iso(time_ms)}}
    return {"status": {"error_code": 0}, "data": {base: [{"symbol": base, "quote": quote}]}}


def _shape_kraken(symbol: str, price: str, _: int) -> Any:
    return {"error": [], "result": {f"X{symbol}": {"c": [price, "0.001"], "v": ["1", "2"]}}}


def _shape_coinbase(_: str, price: str, time_ms: int) -> Any:
    return {"trade_id": 1, "price": price, "size": "0.01", "time": show_iso(time_ms)}


def _shape_bitstamp(_: str, price: str, time_ms: int) -> Any:
    return {"last": price, "timestamp": str(time_ms // 1000), "volume": "1"}


def _shape_json(_: str, price: str, time_ms: int) -> Any:
    return {"data": [{"value": msgspec.Raw(price.encode()), "at": time_ms}]}


SHAPES: Mapping[str, tuple[str, Callable[[str, str, int], Any]]] = {
    "poloniex": ("/markets/{symbol}/price", _shape_poloniex),
    "coinmarketcap": ("/v2/cryptocurrency/quotes/latest", _shape_coinmarketcap),
    "kraken": ("/0/public/Ticker", _shape_kraken),
    "coinbase": ("/products/{symbol}/ticker", _shape_coinbase),
    "bitstamp": ("/api/v2/ticker/{symbol}/", _shape_bitstamp),
    "json": ("/price/{symbol}", _shape_json),
}
"""By kind: the path below /rates/PROVIDER, and what it answers."""


class Prices:
    """`folder`: where the state lies; a deployment's own."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = folder / "prices.json"
        self.asked = 0
        if self._file.exists():
            self.state = msgspec.json.decode(self._file.read_bytes(), type=State)
        else:
            self.state = State(dict(FIRST), {})

    def set_price(self, symbol: str, price: str) -> None:
        """Raises ValueError for what is no price."""
        try:
            is_price = Decimal(price) > 0
        except ArithmeticError:
            is_price = False
        if not is_price:
            raise ValueError(f"{price!r} is no price")
        self.state.prices[make_canonical(symbol)] = price
        self._save()

    def set_mode(self, provider: str, mode: str) -> None:
        """Raises ValueError for a mode that there is not."""
        self.state.modes[provider] = Mode(mode).value
        self.state.frozen_ms = int(self._clock() * 1000)
        self._save()

    def _save(self) -> None:
        partial = self._file.with_suffix(".new")
        partial.write_bytes(msgspec.json.encode(self.state))
        partial.replace(self._file)

    def find_price(self, symbol: str) -> Decimal | None:
        """The true one, also where the provider quotes the other way round."""
        name = make_canonical(symbol)
        for known, text in self.state.prices.items():
            if known == name:
                return Decimal(text)
            if any(name == known[at:] + known[:at] for at in range(1, len(known))):
                return (1 / Decimal(text)).quantize(TICK**2, ROUND_HALF_EVEN)
        return None

    def make_routes(self) -> list[Route]:
        return [
            Route(f"/rates/{{provider}}{path}", self._make_endpoint(kind))
            for kind, (path, _) in SHAPES.items()
        ]

    def _make_endpoint(self, kind: str) -> Callable[[Request], Any]:
        shape = SHAPES[kind][1]

        async def answer(request: Request) -> Response:
            self.asked += 1
            query = request.query_params
            symbol = request.path_params.get("symbol") or query.get("pair")
            symbol = symbol or f"{query.get('symbol')}/{query.get('convert')}"
            mode = Mode(self.state.modes.get(request.path_params["provider"], Mode.WELL))
            price = self.find_price(symbol)
            if mode is Mode.SLOW:
                await asyncio.sleep(SLOW_S)
            if mode in (Mode.ERROR, Mode.BUSY):
                return Response(b"", 500 if mode is Mode.ERROR else 429)
            if mode is Mode.HTML:
                return Response(HTML, media_type="text/html")
            if mode is Mode.HUGE:
                return Response(b" " * 2**20)
            if price is None:
                return Response(b'{"error": "no such symbol"}', 404)
            content = shape(symbol, *self._tell(mode, price))
            return Response(msgspec.json.encode(content), media_type="application/json")

        return answer

    def _tell(self, mode: Mode, price: Decimal) -> tuple[str, int]:
        """The price as this mode has it, and its time."""
        now_ms = int(self._clock() * 1000)
        if mode is Mode.NAN:
            return "NaN", now_ms
        if mode is Mode.LAGS:
            return str(price), now_ms - LAG_MS
        if mode is Mode.FROZEN:
            return str(price), self.state.frozen_ms
        factors = {Mode.LIES: Decimal("1.2"), Mode.THOUSANDFOLD: Decimal(1_000)}
        price *= factors.get(mode, 1)
        if mode is Mode.SWAPPED:
            price = (1 / price).quantize(TICK**2, ROUND_HALF_EVEN)
        return str(price), now_ms

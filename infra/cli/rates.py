"""The verbs for rates: what prices are, how they came about, and what only an operator sets.

`tokend sandbox` tells the providers of a test deployment what to answer.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.deployments import DataOption, get_root
from infra.cli.output import JsonOption
from infra.cli.user import EndpointsOption, SeedOption, UrlOption

app = typer.Typer(help="Rates: prices of asset pairs, and who agreed on them.")
sandbox = typer.Typer(help="The sandbox of a test deployment: what the outside world does.")

PairArgument = Annotated[str, typer.Argument(metavar="BASE:QUOTE", help="As BTC:EUR.")]
PriceArgument = Annotated[str, typer.Argument(help="Of one whole base, in whole quotes.")]


@app.command("list")
def list_rates(
    url: UrlOption = None, endpoints: EndpointsOption = None, as_json: JsonOption = False
) -> None:
    """The current price of every pair."""
    with user_io.connect(url, endpoints) as client:
        now_ms = client.get_network_time_ms()
        found = []
        for each in client.walk("/v3/asset-pairs"):
            entry = each["attributes"]["entry"]
            query = {"filter[pair]": each["id"], "page[limit]": "1", "order": "desc"}
            newest = next(iter(client.get("/v3/rates", query)["data"]), None)
            age_ms = now_ms - int(entry["quoted_at_ms"])
            found.append(
                {
                    "pair": each["id"],
                    "price": None if newest is None else newest["attributes"]["price"],
                    "round": entry["round"],
                    "age_s": str(max(age_ms, 0) // 1000),
                    "is_stale": age_ms > int(entry["max_age_ms"]),
                }
            )
    _show(found, as_json=as_json)


@app.command("history")
def show_history(
    pair: PairArgument,
    candles: Annotated[str | None, typer.Option(help="1m, 5m, 1h or 1d: by interval.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 25,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """The prices that a pair has had, the newest first."""
    path, query = "/v3/rates", {"filter[pair]": pair, "page[limit]": str(limit), "order": "desc"}
    if candles is not None:
        path, query = f"/v3/rates/{pair}/candles", {"interval": candles, "limit": str(limit)}
    with user_io.connect(url, endpoints) as client:
        _show([each["attributes"] for each in client.get(path, query)["data"]], as_json=as_json)


@app.command("rounds")
def show_rounds(
    endpoints: EndpointsOption = None,
    instance: Annotated[str, typer.Option(help="Which instance of PSIM to ask.")] = "psim1",
    as_json: JsonOption = False,
) -> None:
    """Which providers agreed and which were outside, slot by slot, as an instance saw them."""
    answer = user_io.ask_instance(endpoints, instance, "/status")
    services = [s for name, s in answer["services"].items() if name.startswith("rates.")]
    found = [
        {"pair": rate["pair"], **each}
        for service in services
        for rate in service["rates"]
        for each in rate["rounds"]
    ]
    _show(found, as_json=as_json)


@app.command("create")
def create(
    pair: PairArgument,
    price: PriceArgument,
    max_age_s: Annotated[int, typer.Option(min=1, help="How long a price is good.")] = 3_600,
    step: Annotated[str, typer.Option(help="The largest step of one price, in percent.")] = "10",
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a pair with its first price. From then on RateSync sets its prices, if it knows it."""
    from gateways.client.rates import make_first_price

    base, quote = _read_pair(pair)
    _submit(
        lambda client: make_first_price(client, base, quote, price, max_age_s * 1000, step),
        (seed_file, url, endpoints),
        as_json=as_json,
    )


@app.command("set")
def set_price(
    pair: PairArgument,
    price: PriceArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask for a price beyond the step. A policy says how many people must agree."""
    from gateways.client.rates import make_price_change

    base, quote = _read_pair(pair)
    _submit(
        lambda client: make_price_change(client, base, quote, price),
        (seed_file, url, endpoints),
        as_json=as_json,
    )


@sandbox.command("price")
def set_sandbox_price(
    symbol: Annotated[str, typer.Argument(help="As BTC/USD.")],
    price: Annotated[str, typer.Argument(help="What all providers quote from now on.")],
    data: DataOption = None,
) -> None:
    """Set the true price that the sandbox's providers quote."""
    _order(data, {"prices": {symbol: price}})


@sandbox.command("provider")
def set_sandbox_provider(
    provider: Annotated[str, typer.Argument(help="As kraken.")],
    mode: Annotated[str, typer.Argument(help="well, lies, lags, frozen, swapped, nan, ...")],
    data: DataOption = None,
) -> None:
    """Let one of the sandbox's providers misbehave."""
    _order(data, {"modes": {provider: mode}})


def _order(data: Path | None, order: dict[str, Any]) -> None:
    from infra.local import sandbox as servers
    from infra.local import shutdown

    servers.control(shutdown.open_deployment(get_root(data)), "/control/rates", order)


def _read_pair(text: str) -> tuple[str, str]:
    base, separator, quote = text.partition(":")
    if not separator or not base or not quote:
        raise typer.BadParameter("write it as BTC:EUR", param_hint="BASE:QUOTE")
    return base, quote


def _submit(
    make: Any, where: tuple[Path | None, str | None, Path | None], *, as_json: bool
) -> None:
    from gateways.client.submission import submit

    seed_file, url, endpoints = where
    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        user_io.show_result(submit(client, key, (make(client),)), as_json=as_json)


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if not as_json:
        found = [{name: _show_value(name, v) for name, v in each.items()} for each in found]
    user_io.show_rows(found, as_json=as_json)


def _show_value(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "-"
    if name.endswith("_at_ms"):
        return time.strftime("%H:%M:%S", time.gmtime(int(value) / 1000))
    return "-" if value is None else str(value)

"""The sandbox as a process: `python -m infra.sandbox.server HOST:PORT FOLDER TOKEN_FILE KEY_FILE`.

One port. Below /control the bearer token is wanted: there the sandbox is told how to misbehave.
The key is that of the gateway's and the bank's customer.
"""

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from infra.sandbox.bank import ACCOUNTS, Bank, BankOrder
from infra.sandbox.gateway import GatewayBook, GatewayDo
from infra.sandbox.payouts import PayoutBook, PayoutsDo
from infra.sandbox.prices import Prices
from streams.private_port import has_token, make_server, respond

Order = TypeVar("Order")


class RatesOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What the providers of prices shall do. `prices` by symbol, `modes` by provider."""

    prices: dict[str, str] = {}
    modes: dict[str, str] = {}


def make_app(folder: Path, token: str, key: str) -> Starlette:
    """`folder` exists, and is the sandbox's own."""
    prices, gateway = Prices(folder), GatewayBook(folder, key)
    banks = {name: Bank(folder, name) for name in ACCOUNTS}
    payouts = {name: PayoutBook(folder, each, key) for name, each in banks.items()}

    def set_rates(order: RatesOrder) -> Any:
        for symbol, price in order.prices.items():
            prices.set_price(symbol, price)
        for provider, mode in order.modes.items():
            prices.set_mode(provider, mode)
        return msgspec.to_builtins(prices.state)

    def book(order: BankOrder) -> str:
        return banks[order.bank].book(order)

    def pay_out(order: PayoutsDo) -> Any:
        return payouts[order.bank].do(order)

    def make_control(kind: type[Order], do: Callable[[Order], Any]) -> Any:
        async def control(request: Request) -> Response:
            if not has_token(request, token):
                return Response(b"", 401)
            try:
                return respond(do(msgspec.json.decode(await request.body(), type=kind)))
            except (
                ValueError,
                LookupError,
                ArithmeticError,
            ) as error:
                return respond({"error": str(error)}, 400)

        return control

    async def get_readiness(_: Request) -> Response:
        return respond({"ready": True})

    return Starlette(
        routes=[
            Route("/ready", get_readiness),
            Route("/control/rates", make_control(RatesOrder, set_rates), methods=["POST"]),
            Route("/control/bank", make_control(BankOrder, book), methods=["POST"]),
            Route("/control/payouts", make_control(PayoutsDo, pay_out), methods=["POST"]),
            Route("/control/gateway", make_control(GatewayDo, gateway.do), methods=["POST"]),
            *prices.make_routes(),
            *(route for each in banks.values() for route in each.make_routes()),
            *(route for each in payouts.values() for route in each.make_routes()),
            *gateway.make_routes(),
        ]
    )


async def _run(listen: str, folder: Path, token: str, key: str) -> None:
    server = make_server(make_app(folder, token, key), listen)

    def stop() -> None:
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    await server.serve()


if __name__ == "__main__":
    secrets = [Path(each).read_text().strip() for each in sys.argv[3:5]]
    asyncio.run(_run(sys.argv[1], Path(sys.argv[2]), secrets[0], secrets[1]))

"""The verbs for money that comes in: `tokend address`, `tokend deposits`.

What an instance of PSIM sees of chains is asked on its private port; what was parked stands on the
ledger, and an administrator decides about it.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption
from infra.cli.user import EndpointsOption, SeedOption, UrlOption

app = typer.Typer(help="Deposits: what is on its way, what was parked, and what becomes of that.")

SystemArgument = Annotated[str, typer.Argument(help="A chain's id, as eip155:1, or bank:NAME.")]
RequestArgument = Annotated[int, typer.Argument(min=1, help="The parked deposit's request.")]


def address(
    system: SystemArgument,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Your address for deposits from a chain or bank: the one you have, or a new one."""
    from gateways.client.deposits import take_address

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        taken = take_address(client, key, system)
    user_io.show(taken, as_json=as_json)


@app.command("list")
def list_deposits(
    endpoints: EndpointsOption = None,
    instance: Annotated[str, typer.Option(help="Which instance of PSIM to ask.")] = "psim1",
    as_json: JsonOption = False,
) -> None:
    """Deposits that are not done yet, as an instance sees them; unconfirmed ones too."""
    answer = user_io.ask_instance(endpoints, instance, "/deposits")
    user_io.show_rows(answer["deposits"], as_json=as_json)


@app.command("parked")
def list_parked(
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Deposits that nobody could be credited with. Your roles must allow the read."""
    from gateways.client.deposits import find_parked

    with user_io.connect_signed(url, endpoints, seed_file) as client:
        found = [each._asdict() for each in find_parked(client)]
    for each in found:
        del each["entry"]
    user_io.show_rows(found, as_json=as_json)


@app.command("assign")
def assign(
    request: RequestArgument,
    to: Annotated[str, typer.Option("--to", help="The account G... it belongs to.")],
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a parked deposit and pay it on to its owner, in one transaction."""
    from gateways.client.deposits import make_assignment

    _decide(lambda client: make_assignment(client, request, to), seed_file, url, endpoints, as_json)


@app.command("return")
def give_back(
    request: RequestArgument,
    to: Annotated[str, typer.Option("--to", help="The sender's address on the chain.")],
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Issue a parked deposit and ask to withdraw it to who sent it, in one transaction."""
    from gateways.client.deposits import make_return

    _decide(lambda client: make_return(client, request, to), seed_file, url, endpoints, as_json)


def _decide(
    make: Any,
    seed_file: Path | None,
    url: str | None,
    endpoints: Path | None,
    as_json: bool,
) -> None:
    from gateways.client.deposits import submit_decision

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        user_io.show_result(submit_decision(client, key, make(client)), as_json=as_json)

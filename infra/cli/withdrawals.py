"""The verbs for money that goes out: `tokend withdraw`, `tokend withdrawals`."""

from typing import Annotated

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption
from infra.cli.user import EndpointsOption, SeedOption, UrlOption

AssetArgument = Annotated[str, typer.Argument(help="The asset's code.")]
AmountArgument = Annotated[str, typer.Argument(help="How much, as 0.25.")]
ToArgument = Annotated[
    str,
    typer.Argument(help="An address of the asset's chain, or a payout account's id."),
]


def withdraw(
    asset: AssetArgument,
    amount: AmountArgument,
    to: ToArgument,
    reference: Annotated[
        str, typer.Option(help="Your own name for it: the same is never taken twice.")
    ] = "",
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask to be paid outside the network. `tokend withdrawals` says how far it is."""
    import secrets

    from gateways.client.keys import get_address
    from gateways.client.submission import submit
    from gateways.client.withdrawals import make_withdrawal

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        name = reference or secrets.token_hex(16)
        body = make_withdrawal(client, get_address(key), asset, amount, to, name)
        user_io.show_result(submit(client, key, (body,)), as_json=as_json)


def withdrawals(
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Your withdrawals, and where each stands."""
    from gateways.client.keys import get_address
    from gateways.client.withdrawals import list_withdrawals

    key = user_io.read_key(seed_file)
    with user_io.connect(url, endpoints, lambda: key) as client:
        found = list_withdrawals(client, get_address(key))
    if not as_json:
        found = [{name: value for name, value in each.items() if value != ""} for each in found]
    user_io.show_rows(found, as_json=as_json)

"""The verbs `tokend payout-accounts add | list | remove`: bank accounts that withdrawals go to."""

from typing import Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption
from infra.cli.people import AccountOption, ApiOption, open_api
from infra.cli.user import EndpointsOption, SeedOption

app = typer.Typer(help="Bank accounts that withdrawals go to.")


@app.command("add")
def add(
    iban: Annotated[str, typer.Argument(help="The account's IBAN.")],
    holder: Annotated[str, typer.Argument(help="Its holder, as the bank knows him.")],
    bic: Annotated[str, typer.Option(help="The bank, where the IBAN does not say it.")] = "",
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Register a bank account. The id is what `tokend withdraw` takes."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        user_io.show(_show(client.add_payout_account(own, iban, holder, bic)), as_json=as_json)


@app.command("list")
def list_accounts(
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the bank accounts of an account."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        rows = [_show(each) for each in client.list_payout_accounts(own)]
    user_io.show_rows(rows, as_json=as_json)


@app.command("remove")
def remove(
    account_hash: Annotated[str, typer.Argument(help="The id.")],
    seed_file: SeedOption = None,
    account: AccountOption = None,
    url: ApiOption = None,
    endpoints: EndpointsOption = None,
) -> None:
    """Forget a bank account. A withdrawal that waits to be paid there waits for people then."""
    with open_api(url, endpoints, seed_file, account) as (client, own):
        client.remove_payout_account(own, account_hash)


def _show(resource: dict[str, Any]) -> dict[str, Any]:
    return {"id": resource["id"], **resource["attributes"]}

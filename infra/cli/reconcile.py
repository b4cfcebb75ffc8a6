"""The verb `tokend reconcile`: bank, gateway or chain, and ledger, side by side."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, UrlOption

DRIFTED = 3
"""The verb's exit code where an asset has a drift."""


def reconcile(
    asset: Annotated[str, typer.Option(help="This asset alone.")] = "",
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What lies at banks and on chains beside what the ledger has issued, by the newest report that
    enough instances agree on: every item that explains a difference, and the drift that none does.
    Ends with 3 if there is any drift."""
    from gateways.client.reserves import compute_sides

    with user_io.connect(url, endpoints) as client:
        reports = [each["attributes"]["report"] for each in client.walk("/v3/reserves", {})]
    found = [compute_sides(each) for each in reports if asset in ("", each["asset"])]
    if as_json:
        print_json(found)
    for each in [] if as_json else found:
        for line in _describe(each):
            print_text(line)
    if any(Decimal(each["drift"]) for each in found):
        raise typer.Exit(DRIFTED)


def _describe(sides: Mapping[str, Any]) -> Iterator[str]:
    """Two columns, an item a line."""
    places = {sides["chain"]: sides["height"], **sides["also"]}
    named = ", ".join(f"{place} up to {height}" for place, height in places.items())
    yield f"{sides['asset']}: {named}, ledger {sides['sequence']}"
    rows = [
        *((name, amount, "") for name, amount in sides["outside"].items()),
        ("issued", "", sides["issued"]),
        *(
            (f"{each['kind']} {each['name']}", *_place(each["amount"], each["side"]))
            for each in sides["items"]
        ),
        ("in all", sides["held"], sides["owed"]),
    ]
    width = max(len(name) for name, _, _ in rows)
    yield f"  {'':{width}}  {'outside':>24}  {'ledger':>24}"
    for name, outside, ledger in rows:
        yield f"  {name:{width}}  {outside:>24}  {ledger:>24}"
    yield f"  drift {sides['drift']}"
    yield ""


def _place(amount: str, side: str) -> tuple[str, str]:
    return (amount, "") if side == "outside" else ("", amount)

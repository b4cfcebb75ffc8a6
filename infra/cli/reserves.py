"""The verb for proof of reserves: `tokend reserves [--verify]`."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infra.cli import user_io
from infra.cli.output import JsonOption, print_json, print_text
from infra.cli.user import EndpointsOption, SeedOption, UrlOption
from infra.local.errors import LocalError

if TYPE_CHECKING:
    from gateways.client.horizon import HorizonClient
    from gateways.client.keys import SigningKey
    from schemas.generated.common import PublicKey

SignersOption = Annotated[
    list[str] | None,
    typer.Option("--signer", help="An instance's key G...; without any, those of --endpoints."),
]


def reserves(
    is_verified: Annotated[
        bool,
        typer.Option("--verify", help="Check signatures and sums, and your own balances' proofs."),
    ] = False,
    signer: SignersOption = None,
    seed_file: SeedOption = None,
    url: UrlOption = None,
    endpoints: EndpointsOption = None,
    as_json: JsonOption = False,
) -> None:
    """What the network owes in the assets of chains and banks, and what it holds there."""
    key = user_io.read_key(seed_file) if is_verified else None
    with user_io.connect(url, endpoints, lambda: key) as client:
        found = [each["attributes"] for each in client.walk("/v3/reserves", {})]
        shown = [_show(each) for each in found]
        if key is not None:
            signers = _find_signers(signer, endpoints)
            for attributes, row in zip(found, shown, strict=True):
                row.update(_verify(attributes, signers))
            for line in _verify_own(client, key, signers):
                shown.append(line)
    if as_json:
        print_json(shown)
        return
    for row in shown:
        user_io.show(row, as_json=False)
        print_text("")


def _show(attributes: Mapping[str, Any]) -> dict[str, Any]:
    from gateways.client.reserves import name_holdings

    report = attributes["report"]
    also = {each["chain_id"]: each["height"] for each in report["also"]}
    items = [f"{each['kind'].lower()} {each['name']}: {each['amount']}" for each in report["items"]]
    return {
        "asset": report["asset"],
        "ledger": report["sequence"],
        "block": report["height"],
        **({"also": also} if also else {}),
        "issued": report["issued"],
        **name_holdings(report),
        "missing": report["missing"],
        "surplus": report["surplus"],
        "items": items,
    }


def _find_signers(named: list[str] | None, endpoints: Any) -> "Collection[PublicKey]":
    from schemas.generated.common import PublicKey
    from schemas.strkey import StrkeyError, decode_account_id

    if not named:
        psim = user_io.read_endpoints(endpoints).get("psim") if endpoints else None
        named = list(psim["signers"].values()) if isinstance(psim, dict) else []
    if not named:
        raise LocalError("whose signatures count? give --signer for each instance, or --endpoints")
    try:
        return {PublicKey(decode_account_id(each)) for each in named}
    except StrkeyError as error:
        raise LocalError(f"--signer: {error}") from None


def _verify(attributes: Mapping[str, Any], signers: "Collection[PublicKey]") -> Mapping[str, Any]:
    from gateways.client.reserves import ReserveError, verify_reserve

    try:
        reserve = verify_reserve(attributes, signers)
    except ReserveError as error:
        raise LocalError(str(error)) from None
    return {"verified": f"signed by {len(reserve.signers)} of {len(signers)}; the sums are right"}


def _verify_own(
    client: "HorizonClient", key: "SigningKey", signers: "Collection[PublicKey]"
) -> Iterator[dict[str, Any]]:
    from gateways.client.errors import ProblemError
    from gateways.client.keys import get_address
    from gateways.client.reserves import ReserveError, verify_balance_in_reserve
    from schemas.strkey import decode_balance_id
    from schemas.values import parse_amount

    assets = {each["id"]: each["attributes"] for each in client.walk("/v3/assets", {})}
    query = {"filter[account]": get_address(key)}
    for each in client.walk("/v3/balances", query):
        try:
            proof = client.get(f"/v3/balances/{each['id']}/reserve-proof")["data"]["attributes"]
        except ProblemError as error:
            if error.kind == "not-found":
                continue
            raise
        asset = each["attributes"]["asset"]
        amount = parse_amount(proof["amount"], assets[asset]["trailing_digits"])
        try:
            verify_balance_in_reserve(proof, decode_balance_id(each["id"]), amount, signers)
        except ReserveError as error:
            raise LocalError(str(error)) from None
        yield {
            "asset": asset,
            "balance": each["id"],
            "amount": proof["amount"],
            "verified": "it is in the total",
        }

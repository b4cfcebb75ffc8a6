"""The demo's proof of reserves: what the network owes in coins and money is what its wallets and
accounts hold."""

from collections.abc import Collection
from typing import Any

from gateways.client.answers import get_attributes
from gateways.client.errors import ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.reserves import Reserve, verify_balance_in_reserve
from infra.demo.people import Person
from infra.demo.steps import DemoFailed, Steps
from infra.demo.target import Target
from infra.local.sandbox import BANK_ASSET, GIRO_ASSET
from schemas.generated.common import PublicKey
from schemas.strkey import decode_account_id, decode_balance_id
from schemas.values import format_amount, parse_amount

ASSETS = {"BTC": 8, "ETH": 18, BANK_ASSET: 2, GIRO_ASSET: 2}


def prove_reserves(target: Target, person: Person, steps: Steps) -> None:
    """Where the demo can reach the test chains. Raises DemoFailed."""
    if target.place is None:
        return
    steps.tell(f"Instances agree on what is owed and held; {person.name} is in the total")
    keys = target.endpoints["psim"]["signers"].values()
    signers = {PublicKey(decode_account_id(each)) for each in keys}
    with HorizonClient(target.gateways[0], person.key) as client:
        rows = client.walk("/v3/balances", {"filter[account]": person.address})
        held_by_her = {each["attributes"]["asset"] for each in rows}
        for asset, digits in ASSETS.items():
            if asset not in held_by_her:
                continue
            found: list[Reserve] = []
            steps.wait(
                lambda a=asset, d=digits, f=found: _look(client, person, a, d, signers, f),  # type: ignore[misc]
                f"the newest balance of {asset} is in a report",
            )
            reserve = found[-1]
            if reserve.report.missing:
                raise DemoFailed(f"{reserve.report.missing} of {asset} are missing")
            owed, held = (format_amount(each, digits) for each in (reserve.owed, reserve.held))
            names = f"ledger {reserve.report.sequence}, {_name_places(reserve)}"
            steps.say(f"{asset}: owed {owed}, held {held}, after {names}")
        steps.say(f"signed by {len(reserve.signers)} of {len(signers)}; her balances are in it")


def _name_places(reserve: Reserve) -> str:
    report = reserve.report
    places = {report.chain_id: report.height, **{e.chain_id: e.height for e in report.also}}
    return ", ".join(f"{place} up to {height}" for place, height in places.items())


def _look(
    client: HorizonClient,
    person: Person,
    asset: str,
    digits: int,
    signers: Collection[PublicKey],
    found: list[Reserve],
) -> bool:
    """Whether a report is of what is issued now; raises `ReserveError` if one is false."""
    query = {"filter[account]": person.address, "filter[asset]": asset}
    (balance,) = client.walk("/v3/balances", query)
    try:
        proof: Any = get_attributes(client.get(f"/v3/balances/{balance['id']}/reserve-proof"))
    except ProblemError as error:
        if error.kind == "not-found":
            return False
        raise
    attributes = balance["attributes"]
    held = parse_amount(attributes["available"], digits)
    held += parse_amount(attributes["locked"], digits)
    amount = parse_amount(proof["amount"], digits)
    name = decode_balance_id(balance["id"])
    found.append(verify_balance_in_reserve(proof, name, amount, signers))
    issued = parse_amount(client.get_asset(asset)["issued"], digits)
    return amount == held and found[-1].report.issued == issued

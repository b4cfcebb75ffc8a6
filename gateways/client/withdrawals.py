"""Withdrawals as users see them: asked for, on their way, arrived."""

import json
from typing import Any

from gateways.client import transactions as make
from gateways.client.deposits import read_destination
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from schemas.generated.operations import CreateWithdrawalRequest
from schemas.strkey import decode_balance_id
from schemas.tasks import Task

ENDED = {"APPROVED": "paid", "PERMANENTLY_REJECTED": "rejected", "CANCELLED": "cancelled"}
UNKNOWN = "sent, and nobody knows yet"
STEPS = ((Task.DECIDE, "waits to be decided"), (Task.SIGN, "is being signed"))


def make_withdrawal(
    client: HorizonClient, account: str, asset: str, amount: str, to: str, reference: str
) -> CreateWithdrawalRequest:
    """From the account's balance of the asset to an address of its chain. Raises ClientError."""
    attributes = client.get(f"/v3/assets/{asset}")["data"]["attributes"]
    query = {"filter[account]": account, "filter[asset]": asset}
    balance = next((each["id"] for each in client.walk("/v3/balances", query)), None)
    if balance is None:
        raise ClientError(f"{account} has no balance of {asset}")
    chain = find_chain(attributes)
    if chain is None:
        raise ClientError(f"{asset} is of no chain: it cannot be withdrawn to an address")
    return CreateWithdrawalRequest(
        decode_balance_id(balance),
        make.to_units(amount, int(attributes["trailing_digits"])),
        None,
        read_destination(chain, to),
        make.make_reference(reference, client.get_network_time_ms()),
        b"",
    )


def find_chain(asset: dict[str, Any]) -> str | None:
    """By which chain, bank or gateway an asset leaves, by its details."""
    details = asset.get("details")
    content = json.loads(details) if isinstance(details, str) else details
    known = content if isinstance(content, dict) else {}
    for name in ("payout", "deposit"):
        stated = known.get(name)
        if isinstance(stated, dict) and "chain" in stated:
            return str(stated["chain"])
    return None


def list_withdrawals(client: HorizonClient, account: str) -> list[dict[str, Any]]:
    """Of an account, with where each stands. Raises ClientError."""
    query = {"filter[requestor]": account, "filter[kind]": "withdrawal"}
    balances = client.walk("/v3/balances", {"filter[account]": account})
    assets = {each["id"]: each["attributes"]["asset"] for each in balances}
    return [
        _show(each, assets, _find_reason(client, each))
        for each in client.walk("/v3/requests", query)
    ]


def _find_reason(client: HorizonClient, resource: dict[str, Any]) -> str:
    """Why it was rejected: by its entry, or, where it has none any more, by the operation that
    ended it."""
    attributes = resource["attributes"]
    if attributes["state"] != "PERMANENTLY_REJECTED":
        return str(attributes["entry"].get("reject_reason", ""))
    number = resource["relationships"]["changed_by"]["data"]["id"]
    operation = client.get(f"/v3/operations/{number}")["data"]["attributes"]
    return str(operation["details"].get("reason", ""))


def _show(resource: dict[str, Any], assets: dict[str, str], reason: str) -> dict[str, Any]:
    attributes = resource["attributes"]
    entry, state = attributes["entry"], attributes["state"]
    body = entry["body"]
    tasks = entry["pending_tasks"]
    pending = int(tasks["value"] if isinstance(tasks, dict) else tasks)
    stand = next((text for task, text in STEPS if pending & task), "is on its way")
    return {
        "request": int(resource["id"]),
        "amount": body["amount"],
        "asset": assets.get(body["balance_id"], ""),
        "to": _show_destination(body["destination"]),
        "stand": UNKNOWN if state == "UNKNOWN" else ENDED.get(state, stand),
        "reason": reason,
    }


def _show_destination(destination: dict[str, Any]) -> str:
    """As people of the chain or bank write it."""
    names = ("address", "iban", "account_hash")
    address = str(next((destination[each] for each in names if each in destination), ""))
    return f"0x{address}" if destination["type"] == "ethereum_address" else address

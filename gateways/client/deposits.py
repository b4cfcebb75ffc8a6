"""Deposits as users and administrators see them: addresses, and what becomes of what was parked.

A parked deposit is an issuance to the account of parked deposits that waits for the task 16. Who
clears it pays the amount on in the same transaction, so that it never lies there unassigned.
"""

import json
import re
from typing import Any, NamedTuple

from gateways.client import transactions as make
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import SigningKey, get_address
from gateways.client.submission import submit
from schemas.generated.builders import OperationBody
from schemas.generated.common import (
    U64,
    AccountID,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
    Hash,
    PayoutAccount,
)
from schemas.generated.operations import (
    BindExternalSystemAccountId,
    CreateWithdrawalRequest,
    ReviewAction,
    ReviewRequest,
)
from schemas.generated.transactions import Operation
from schemas.strkey import decode_account_id, decode_balance_id
from schemas.tasks import Task
from streams.ledger.destinations import Destination

PARK = int(Task.PARK)


class Parked(NamedTuple):
    """One, as the ledger has it. `amount`: a decimal; `balance`: that it is issued to."""

    request: int
    asset: str
    amount: str
    balance: str
    details: dict[str, Any]
    entry: Any


class Decision(NamedTuple):
    """Operations with their source accounts: the reviewer's, and that of parked deposits."""

    operations: tuple[Operation, ...]


def take_address(client: HorizonClient, key: SigningKey, system: str) -> dict[str, Any]:
    """The address of the key's account. Raises ClientError."""
    submit(client, key, [BindExternalSystemAccountId(system)])
    query = {"filter[account]": get_address(key), "filter[system]": system}
    found = [each["attributes"] for each in client.walk("/v3/external-bindings", query)]
    if not found:
        raise ClientError("the address is not in the views yet: ask again")
    newest = max(found, key=lambda each: str(each["from_at"]))
    return {"system": system, "address": newest["address"]}


def find_parked(client: HorizonClient) -> list[Parked]:
    """All that wait for somebody. Raises ClientError."""
    query = {"filter[kind]": "issuance", "filter[state]": "PENDING"}
    found = []
    for each in client.walk("/v3/requests", query):
        entry = each["attributes"]["entry"]
        if _get_tasks(entry) & PARK:
            found.append(_read(int(each["id"]), entry))
    return found


def make_assignment(client: HorizonClient, request: int, account: str) -> Decision:
    """To an account. Raises ClientError."""
    parked = _get_parked(client, request)
    decode_account_id(account)
    amount = make.to_units(parked.amount, _get_digits(client, parked.asset))
    body = make.make_payment(parked.balance, account, amount, subject=f"deposit {request}")
    return _decide(client, parked, body)


def make_return(client: HorizonClient, request: int, address: str) -> Decision:
    """To an address on the chain that it came from. Raises ClientError."""
    parked = _get_parked(client, request)
    amount = make.to_units(parked.amount, _get_digits(client, parked.asset))
    reference = make.make_reference(f"return-{request}", client.get_network_time_ms())
    body = CreateWithdrawalRequest(
        decode_balance_id(parked.balance),
        amount,
        None,
        read_destination(str(parked.details.get("chain", "")), address),
        reference,
        b"",
    )
    return _decide(client, parked, body)


def submit_decision(client: HorizonClient, key: SigningKey, decision: Decision) -> dict[str, Any]:
    """`key`: of a signer of the reviewing account and of that of parked deposits."""
    return submit(client, key, decision.operations)


def _decide(client: HorizonClient, parked: Parked, body: OperationBody) -> Decision:
    entry = parked.entry
    review = ReviewRequest(
        request_id=U64(parked.request),
        sequence_number=U64(int(entry["sequence_number"])),
        request_hash=Hash(bytes.fromhex(entry["request_hash"])),
        action=ReviewAction.APPROVE,
        reason="",
        tasks_to_add=0,
        tasks_to_remove=PARK,
        external_details=(),
    )
    reviewer = decode_account_id(entry["reviewer"])
    holder = _get_holder(client, parked.balance)
    return Decision((Operation(reviewer, review), Operation(holder, body)))


def _get_holder(client: HorizonClient, balance: str) -> AccountID:
    related = client.get(f"/v3/balances/{balance}")["data"]["relationships"]
    return decode_account_id(related["owner"]["data"]["id"])


def _get_parked(client: HorizonClient, request: int) -> Parked:
    for each in find_parked(client):
        if each.request == request:
            return each
    raise ClientError(
        f"request {request} is no parked deposit: `tokend deposits parked` lists them"
    )


def _read(request: int, entry: Any) -> Parked:
    body = entry["body"]
    details = body.get("creator_details")
    content = json.loads(details) if isinstance(details, str) else details
    return Parked(
        request,
        body["asset"],
        body["amount"],
        body["receiver"],
        content if isinstance(content, dict) else {},
        entry,
    )


def _get_tasks(entry: Any) -> int:
    tasks = entry["pending_tasks"]
    return int(tasks["value"] if isinstance(tasks, dict) else tasks)


def _get_digits(client: HorizonClient, asset: str) -> int:
    attributes = client.get(f"/v3/assets/{asset}")["data"]["attributes"]
    return int(attributes["trailing_digits"])


def read_destination(chain: str, address: str) -> Destination:
    """At a bank or gateway it is a payout account's id: an account number would stand on the ledger
    for ever. Raises ClientError."""
    if chain.startswith("bip122:"):
        return BitcoinAddress(address)
    if chain.startswith("eip155:"):
        try:
            return EthereumAddress(EthereumAddressBytes(bytes.fromhex(address.removeprefix("0x"))))
        except ValueError:
            raise ClientError("an address of Ethereum is 0x and 40 hexadecimal digits") from None
    if not re.fullmatch("[0-9a-f]{64}", address):
        raise ClientError(
            "a bank account is named by its id, 64 hexadecimal digits: `tokend payout-accounts add`"
        )
    return PayoutAccount(Hash(bytes.fromhex(address)))

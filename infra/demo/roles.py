"""The demo's roles: a platform file is applied, and a role is changed after a review."""

import hashlib
import secrets
from importlib.resources import files

from nacl.signing import SigningKey

from gateways.client.horizon import HorizonClient
from gateways.client.keys import get_account_id, get_address
from gateways.client.platform.apply import apply_platform
from gateways.client.platform.file import read_platform
from schemas.generated.common import Hash, KycCommitment
from schemas.generated.operations import (
    CreateChangeRoleRequest,
    ReviewAction,
    ReviewRequest,
)


def apply_file(client: HorizonClient, master: SigningKey, name: str) -> int:
    """How many changes a platform file of the demo took."""
    text = (files("infra.demo") / name).read_text(encoding="utf-8")
    return len(apply_platform(client, master, read_platform(text)))


def get_role(client: HorizonClient, name: str) -> int:
    """The number of an account role, as the network's configuration has it."""
    document = client.get(f"/v3/key-values/account_role:{name}")
    return int(document["data"]["attributes"]["value"])


def make_role_request(client: HorizonClient, person: SigningKey) -> CreateChangeRoleRequest:
    """For the general role. What the person has shown stays with those who keep it: the ledger
    gets a hash of it and of random bytes."""
    shown = b"passport of " + get_address(person).encode()
    salted = Hash(hashlib.sha256(secrets.token_bytes(32) + shown).digest())
    role_id = get_role(client, "general")
    return CreateChangeRoleRequest(
        0, get_account_id(person), role_id, KycCommitment(salted, 1), None
    )


def make_approval(client: HorizonClient, requestor: str) -> ReviewRequest:
    """Of the one request that awaits its reviewer: it names exactly what was reviewed."""
    query = {"filter[requestor]": requestor, "filter[state]": "PENDING"}
    (resource,) = client.walk("/v3/requests", query)
    entry = resource["attributes"]["entry"]
    return ReviewRequest(
        request_id=int(entry["request_id"]),
        sequence_number=int(entry["sequence_number"]),
        request_hash=Hash(bytes.fromhex(entry["request_hash"])),
        action=ReviewAction.APPROVE,
        reason="",
        tasks_to_add=0,
        tasks_to_remove=entry["pending_tasks"],  # of a policy's bit: who signs approves
        external_details=(),
    )

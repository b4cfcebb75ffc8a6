"""Making a network like a platform file, stage by stage."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from gateways.client.documents import read_transaction
from gateways.client.errors import ClientError
from gateways.client.horizon import HorizonClient
from gateways.client.keys import SigningKey, get_address
from gateways.client.platform.changes import Change
from gateways.client.platform.live import read_live
from gateways.client.platform.plan import make_plan
from gateways.client.transactions import sign_transaction
from schemas.generated.common import Hash

OPERATIONS_MAX = 50  # of one transaction, so that people can review it


def apply_platform(
    client: HorizonClient,
    key: SigningKey,
    platform: Mapping[str, Any],
    tell: Callable[[Sequence[Change]], None] = lambda _: None,
) -> list[Change]:
    """What was changed, in order; nothing if the network is like the file. Each stage is one
    transaction or several, planned anew; `tell` gets it before it is sent. Raises ClientError.
    """
    applied: list[Change] = []
    while True:
        changes = [each for each in make_plan(platform, read_live(client)) if each.operation]
        if not changes:
            return applied
        stage = [each for each in changes if each.stage == changes[0].stage][:OPERATIONS_MAX]
        if any(each in applied for each in stage):
            raise ClientError(f"{stage[0].what} is still as it was after it was applied")
        tell(stage)
        _submit(client, key, stage)
        applied += stage


def _submit(client: HorizonClient, key: SigningKey, changes: Sequence[Change]) -> None:
    info = client.get_info()
    network_id = Hash(bytes.fromhex(info["network_id"]))
    now_ms = int(info["latest_ledger_close_time_ms"])
    document = {
        "source_account": get_address(key),
        "operations": [{"body": each.operation} for each in changes],
    }
    transaction = read_transaction(document, network_id, now_ms, client)
    client.submit_until_final(sign_transaction(transaction, key))

"""Signs operations by the network's own id and time, and waits until a ledger has them."""

from collections.abc import Sequence

from gateways.client.answers import Json
from gateways.client.horizon import HorizonClient
from gateways.client.keys import SigningKey, get_account_id
from gateways.client.transactions import build_transaction, sign_transaction
from schemas.generated.builders import OperationBody
from schemas.generated.common import AccountID, Hash
from schemas.generated.transactions import Operation


def sign(
    client: HorizonClient,
    key: SigningKey,
    bodies: Sequence[OperationBody | Operation],
    source: AccountID | None = None,
) -> bytes:
    """An envelope. `source`: an account that the key may sign for; without it the key's own. Raises
    ClientError."""
    info = client.get_info()
    network_id = Hash(bytes.fromhex(info["network_id"]))
    now_ms = int(info["latest_ledger_close_time_ms"])
    transaction = build_transaction(network_id, source or get_account_id(key), bodies, now_ms)
    return sign_transaction(transaction, key)


def submit(
    client: HorizonClient,
    key: SigningKey,
    bodies: Sequence[OperationBody | Operation],
    source: AccountID | None = None,
) -> Json:
    """What came of it, as `submit_until_final`. Raises ClientError."""
    return client.submit_until_final(sign(client, key, bodies, source))

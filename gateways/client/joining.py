"""From a registration statement to an account that its owner can recover. Again it does nothing.

The API creates the account on the ledger; then the account's own key adds the recovery seed as a
signer. A client that died between the two does it at its next log-in.
"""

import time

from gateways.client.api import ApiClient
from gateways.client.errors import HorizonUnavailable, ProblemError
from gateways.client.horizon import HorizonClient
from gateways.client.rotations import make_recovery_signer
from gateways.client.wallet_keys import Content
from gateways.client.wallets import Statement
from schemas.generated.common import Hash

PAUSE_SECONDS = 0.5
CREATED, REFUSED = "CREATED", "REFUSED"


def register(
    api_url: str, email: str, statement: Statement, locale: str = "", seconds: float = 120.0
) -> None:
    """Until a ledger has the account. Raises ProblemError, HorizonUnavailable."""
    deadline = time.monotonic() + seconds
    with ApiClient(api_url) as api:
        while True:
            attributes = api.register(statement.body, statement.signature, email, locale)
            if attributes["state"] == CREATED:
                return
            if attributes["state"] == REFUSED or time.monotonic() > deadline:
                raise HorizonUnavailable(
                    f"the account is not created: {attributes['state']} {attributes['reason']}"
                )
            time.sleep(PAUSE_SECONDS)


def add_recovery(client: HorizonClient, content: Content, seconds: float = 60.0) -> None:
    """`client` signs by the wallet's key. Returns when the recovery seed may sign."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            signers = get_signers(client, content.account)
            break
        except ProblemError as error:
            if error.kind not in ("not-found", "forbidden") or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)
    if content.recovery in signers:
        return
    info = client.get_info()
    network_id = Hash(bytes.fromhex(info["network_id"]))
    now_ms = int(info["latest_ledger_close_time_ms"])
    client.submit_until_final(make_recovery_signer(network_id, content, now_ms))


def get_signers(client: HorizonClient, account: str) -> list[str]:
    """The keys that may sign for an account."""
    included = client.get_account(account, "signers").get("included", [])
    return [
        each["relationships"]["public_key"]["data"]["id"]
        for each in included
        if each["type"] == "signers"
    ]

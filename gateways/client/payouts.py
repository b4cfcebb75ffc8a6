"""Payout accounts as their owner checks them: the hash on the ledger is of what was registered."""

from gateways.client.answers import Json
from gateways.client.errors import ClientError
from schemas.generated.common import Hash, PayoutDetails
from schemas.payout_accounts import compute_account_hash


def check_payout_account(resource: Json) -> Json:
    """The same resource. Raises ClientError."""
    stated = resource["attributes"]
    salt = Hash(bytes.fromhex(stated["salt"]))
    details = PayoutDetails(salt, stated["iban"], stated["bic"], stated["holder"])
    if compute_account_hash(details).hex() != resource["id"]:
        raise ClientError("the payout account's hash is not of what API says: do not use it")
    return resource

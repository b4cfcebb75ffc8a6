"""Payout accounts: what is hashed of a bank account that the ledger only knows by its hash."""

from hashlib import sha256

from schemas.codec import encode
from schemas.generated.common import Hash, PayoutDetails

DOMAIN = b"tokend-payout-account"


def compute_account_hash(details: PayoutDetails) -> Hash:
    """H("tokend-payout-account" || PayoutDetails): without the salt nobody can try accounts."""
    return Hash(sha256(DOMAIN + encode(details)).digest())

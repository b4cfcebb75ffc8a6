"""Every hash and signing payload of the ledger (schemas/PROTOCOL.md). Pure arithmetic."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from schemas.generated.common import AccountID, BalanceID, Hash

ZERO_HASH = Hash(bytes(32))


def compute_hash(data: bytes) -> Hash:
    """H: SHA-256."""
    return Hash(sha256(data).digest())


def compute_network_id(passphrase: str) -> Hash:
    return compute_hash(passphrase.encode())


def compute_transaction_hash(network_id: Hash, transaction: bytes) -> Hash:
    """What a transaction's signers sign, and its name everywhere."""
    return compute_hash(b"tokend-tx" + network_id + transaction)


def compute_statement_hash(network_id: Hash, statement: bytes) -> Hash:
    """What a validator signs of an SCP statement."""
    return compute_hash(b"tokend-scp" + network_id + statement)


def compute_preissuance_hash(network_id: Hash, content: bytes) -> Hash:
    """What an asset's offline key signs of the bytes of a PreissuanceContent."""
    return compute_hash(b"tokend-preissuance" + network_id + content)


def compute_preissued_signer_hash(network_id: Hash, content: bytes) -> Hash:
    """What an asset's offline key signs of the bytes of a PreissuedSignerContent."""
    return compute_hash(b"tokend-preissued-signer" + network_id + content)


def compute_balance_id(
    network_id: Hash, account_id: AccountID, asset: str, index: int
) -> BalanceID:
    """Computable before the balance exists, so that payments to it can be signed."""
    preimage = b"tokend-balance" + network_id + account_id + asset.encode()
    return BalanceID(sha256(preimage + index.to_bytes(4, "big")).digest())


def compute_set_hash(previous_header_hash: Hash, envelope_hashes: Sequence[Hash]) -> Hash:
    """`envelope_hashes` strictly ascending; zeros for the explicit empty set."""
    if not envelope_hashes:
        return ZERO_HASH
    return compute_hash(previous_header_hash + b"".join(envelope_hashes))


def compute_apply_order(set_hash: Hash, envelope_hashes: Iterable[Hash]) -> list[Hash]:
    """Nobody is promised an order: the set's own hash shuffles it, the same on every node."""
    return sorted(envelope_hashes, key=lambda each: sha256(set_hash + each).digest())


def compute_header_payload(network_id: Hash, sequence: int, header_hash: Hash) -> bytes:
    """What a validator signs once it has closed a ledger."""
    return b"tokend-header" + network_id + sequence.to_bytes(8, "big") + header_hash

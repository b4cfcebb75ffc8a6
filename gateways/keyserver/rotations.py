"""What a transaction must be that replaces the signer of a wallet. Pure: bytes in, a verdict out.

The ledger alone decides whether it takes effect; here is looked at what it would do.
"""

from hashlib import sha256
from typing import NamedTuple

from gateways.keyserver.ledger import Submission
from schemas.codec import Malformed, decode
from schemas.generated.common import PublicKey
from schemas.generated.operations import CreateSigner, ManageSigner, RemoveSigner
from schemas.generated.transactions import Operation, Transaction, TransactionEnvelope
from streams.ledger.hashes import compute_transaction_hash

LIFETIME_MAX_MS = 20 * 60_000


class Unfit(ValueError):
    """The text says what is wrong."""


class Rotation(NamedTuple):
    """What the transaction would do, and who has signed it."""

    submission: Submission
    account: bytes
    added: frozenset[bytes]
    removed: frozenset[bytes]
    signers: frozenset[bytes]


def read_rotation(network_id: bytes, envelope: bytes, now_ms: int) -> Rotation:
    """Raises Unfit unless it only adds and removes signers of its source account, soon."""
    try:
        outer = decode(TransactionEnvelope, envelope)
        transaction = decode(Transaction, outer.transaction)
    except Malformed as error:
        raise Unfit(f"no transaction envelope: {error}") from None
    if transaction.network_id != network_id:
        raise Unfit("it is for another network")
    if not now_ms < transaction.max_time_ms <= now_ms + LIFETIME_MAX_MS:
        raise Unfit("max_time: at most 20 minutes from now")
    added, removed = set[bytes](), set[bytes]()
    for operation in transaction.operations:
        action = _get_action(operation)
        if isinstance(action, CreateSigner):
            added.add(action.data.public_key)
        else:
            removed.add(action.public_key)
    submission = Submission(
        envelope,
        compute_transaction_hash(transaction.network_id, outer.transaction),
        sha256(envelope).digest(),
        transaction.max_time_ms,
    )
    signers = frozenset(bytes(each.signer) for each in outer.signatures)
    return Rotation(
        submission,
        bytes(transaction.source_account),
        frozenset(added),
        frozenset(removed),
        signers,
    )


def require_rotation(rotation: Rotation, account: bytes, old: bytes, new: PublicKey) -> None:
    """Raises Unfit unless `new` takes the place of `old` and nothing else happens."""
    if rotation.account != account:
        raise Unfit("its source is another account")
    if rotation.added != {new} or rotation.removed != {old}:
        raise Unfit("it must create the new signer and remove the old one, and nothing else")


def _get_action(operation: Operation) -> CreateSigner | RemoveSigner:
    body = operation.body
    if operation.source is not None or not isinstance(body, ManageSigner):
        raise Unfit("it must only manage signers of its source account")
    if not isinstance(body.action, CreateSigner | RemoveSigner):
        raise Unfit("it must create and remove signers, not update them")
    return body.action

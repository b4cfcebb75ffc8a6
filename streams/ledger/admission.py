"""What holds of an envelope before any ledger is asked: its form, its hashes, its size.

Signatures are verified elsewhere (in worker processes): this module says which ones to verify.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import msgspec

from schemas.codec import Malformed, decode
from schemas.generated.common import AccountID, Hash, PublicKey, Signature
from schemas.generated.events import RejectionCode
from schemas.generated.keys import KeyBytes
from schemas.generated.sizes import BYTES_MAX
from schemas.generated.transactions import RefusalDetail, Transaction, TransactionEnvelope
from streams.ledger.access.requirements import Requirements
from streams.ledger.access.rules import AccessRules
from streams.ledger.hashes import compute_hash, compute_transaction_hash
from streams.ledger.operation_fees import OPERATION_FEE_BYTES, get_operation_fee_asset
from streams.ledger.operations.table import OPERATIONS, SIGNED_MESSAGES, SIZED_BY_STATE
from streams.ledger.output import compute_result_bytes
from streams.ledger.signatures import SignedMessage
from streams.ledger.state import LedgerState

ENVELOPE_BYTES_MAX = BYTES_MAX[TransactionEnvelope]
TRANSACTION_OUTPUT_BYTES = 64  # hash, code, counts and ends of the arrays of one AppliedTransaction
OPERATION_OUTPUT_BYTES = compute_result_bytes(RefusalDetail)  # a refusal, whatever it is


@dataclass(slots=True, frozen=True)
class RejectionReason:
    """Why an envelope stays outside; `transaction_hash` where it could be read."""

    code: RejectionCode
    detail: str
    transaction_hash: Hash | None = None


class Authority(NamedTuple):
    """Under what a candidate was found authorized: it still is while all of it is the same.

    `access_rules`: the state's object of that name. `entries`: the accounts and signers it depends
    on, by key, as the very bytes objects that the state held. `needed`: per account what its
    signers had to be allowed. `ends_at_ms`: when the first of their roles ends.
    """

    access_rules: AccessRules
    entries: dict[KeyBytes, bytes | None]
    needed: list[tuple[AccountID, Requirements]]
    ends_at_ms: int


class Candidate(msgspec.Struct, eq=False, gc=False):
    """A well-formed envelope. It may enter a set once its signatures were verified."""

    envelope: bytes
    envelope_hash: Hash
    transaction: Transaction
    transaction_hash: Hash
    signers: tuple[PublicKey, ...]
    signatures: tuple[Signature, ...]
    output_bytes: int
    is_sized_by_state: bool = False  # membership says what `output_bytes` is
    signed_messages: tuple[SignedMessage, ...] = ()  # which its operations carry
    authority: Authority | None = None


def validate_envelope(
    envelope: bytes, network_id: Hash, envelope_hash: Hash | None = None
) -> Candidate | RejectionReason:
    """`envelope`: unframed TransactionEnvelope bytes, from anybody; with its hash if at hand."""
    try:
        if len(envelope) > ENVELOPE_BYTES_MAX:
            return RejectionReason(
                RejectionCode.MALFORMED, f"longer than {ENVELOPE_BYTES_MAX} bytes"
            )
        outer = decode(TransactionEnvelope, envelope)
        transaction = decode(Transaction, outer.transaction)
    except Malformed as error:
        return RejectionReason(RejectionCode.MALFORMED, str(error)[:256])
    transaction_hash = compute_transaction_hash(network_id, outer.transaction)
    signers = tuple(each.signer for each in outer.signatures)
    rejection = _compute_rejection(transaction, signers, network_id)
    if rejection is not None:
        return RejectionReason(*rejection, transaction_hash)
    return Candidate(
        envelope=envelope,
        envelope_hash=envelope_hash or compute_hash(envelope),
        transaction=transaction,
        transaction_hash=transaction_hash,
        signers=signers,
        signatures=tuple(each.signature for each in outer.signatures),
        output_bytes=compute_output_bytes(transaction, envelope, None),
        is_sized_by_state=any(type(each.body) in SIZED_BY_STATE for each in transaction.operations),
        signed_messages=tuple(
            message
            for each in transaction.operations
            if type(each.body) in SIGNED_MESSAGES
            for message in SIGNED_MESSAGES[type(each.body)](each.body, network_id)
        ),
    )


def compute_output_bytes(
    transaction: Transaction, envelope: bytes, state: LedgerState | None
) -> int:
    """The most bytes the transaction can add to the body of the ledger after `state`; None: after
    any state."""
    operations = sum(
        OPERATION_OUTPUT_BYTES + OPERATIONS[type(op.body)].compute_output_bytes(op.body, state)
        for op in transaction.operations
    )
    if state is not None and get_operation_fee_asset(state) is not None:
        operations += OPERATION_FEE_BYTES * len(transaction.operations)
    return TRANSACTION_OUTPUT_BYTES + len(envelope) + operations


def _compute_rejection(
    transaction: Transaction, signers: tuple[PublicKey, ...], network_id: Hash
) -> tuple[RejectionCode, str] | None:
    if any(a >= b for a, b in pairwise(signers)):
        return RejectionCode.MALFORMED, "signatures must be ascending by signer, each signer once"
    if transaction.network_id != network_id:
        return RejectionCode.WRONG_NETWORK, f"this network's id is {network_id.hex()}"
    if not transaction.operations:
        return RejectionCode.MISSING_OPERATION, "the transaction has no operation"
    if transaction.max_time_ms < transaction.min_time_ms:
        return RejectionCode.BAD_TIME_BOUNDS, "max_time_ms lies before min_time_ms"
    return None

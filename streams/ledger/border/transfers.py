"""External transfers: committed, signed, sent, settled, closed. What operations share."""

from collections.abc import Sequence

from msgspec.structs import replace

from schemas.generated.bounds import (
    EXTERNAL_TRANSFER_VERSIONS_ITEMS_MAX,
    KEYSET_COSIGNERS_ITEMS_MAX,
)
from schemas.generated.common import U64, AccountID, Action
from schemas.generated.entries import (
    ExternalTransfer,
    Keyset,
    TransferPayload,
    TransferState,
    TransferVersion,
)
from schemas.generated.ledger import EffectKind, TransferChange, TransferEvent
from streams.ledger.access.requirements import Requirements, require_transfer
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_hash
from streams.ledger.output import EFFECT_BYTES
from streams.ledger.state import LedgerDelta, LedgerState

VERSIONS_MAX = EXTERNAL_TRANSFER_VERSIONS_ITEMS_MAX
# The source, all cosigners, a submitter.
TELLING_BYTES = (KEYSET_COSIGNERS_ITEMS_MAX + 2) * EFFECT_BYTES


def get_transfer_requirements(
    state: LedgerState, transfer_id: U64, action: Action
) -> Requirements | None:
    """Of an operation about a transfer that stands."""
    transfer = state.get_external_transfer(transfer_id)
    if transfer is None:
        return None
    return (require_transfer(action, transfer.chain_id, transfer.asset, transfer.purpose),)


def get_known_transfer(state: LedgerState, transfer_id: U64) -> ExternalTransfer:
    """One that requirements were found for."""
    transfer = state.get_external_transfer(transfer_id)
    if transfer is None:
        raise InvariantViolation(f"the transfer {transfer_id} is gone")
    return transfer


def get_version(transfer: ExternalTransfer) -> int:
    """The newest."""
    return len(transfer.versions)


def get_keyset(state: LedgerState, transfer: ExternalTransfer, version: int) -> Keyset:
    """The one that a version is signed under."""
    number = transfer.versions[version - 1].keyset_version
    keyset = state.get_keyset(transfer.chain_id, transfer.wallet, number)
    if keyset is None:
        raise InvariantViolation(f"a keyset of the transfer {transfer.transfer_id} is gone")
    return keyset


def get_payload(state: LedgerState, transfer: ExternalTransfer) -> TransferPayload:
    """Of the newest version."""
    payload = state.get_transfer_payload(
        transfer.transfer_id, transfer.versions[-1].payload_version
    )
    if payload is None:
        raise InvariantViolation(f"a payload of the transfer {transfer.transfer_id} is gone")
    return payload


def make_payload(transfer_id: U64, version: int, payload: bytes) -> TransferPayload:
    return TransferPayload(transfer_id, version, payload, compute_hash(payload))


def add_version(transfer: ExternalTransfer, payload_version: int, keyset: int) -> ExternalTransfer:
    """It awaits signatures of a new version."""
    made = TransferVersion(payload_version, keyset, ())
    return replace(transfer, versions=(*transfer.versions, made), state=TransferState.COMMITTED)


def sign_again(
    delta: LedgerDelta, source: AccountID, keyset: Keyset, transfer_ids: Sequence[U64]
) -> int:
    """Open transfers of the keyset's wallet get a version of the same payload, which the keyset's
    cosigners sign. Others are passed over; returns how many it did."""
    count = 0
    for transfer_id in transfer_ids:
        transfer = delta.get_external_transfer(transfer_id)
        if transfer is None or not _can_be_signed_again(transfer, keyset):
            continue
        transfer = add_version(transfer, transfer.versions[-1].payload_version, keyset.version)
        delta.put(transfer)
        tell(delta, source, transfer, TransferEvent.SIGNED_AGAIN)
        count += 1
    return count


def tell(
    delta: LedgerDelta,
    source: AccountID,
    transfer: ExternalTransfer,
    event: TransferEvent,
    *others: AccountID,
) -> None:
    """Tells the source's history, and others', what happened to a transfer."""
    detail = TransferChange(transfer.transfer_id, event, get_version(transfer))
    for account_id in dict.fromkeys((source, *others)):
        delta.add_effect(account_id, EffectKind.TRANSFER_CHANGED, detail)


def tell_signers(
    delta: LedgerDelta, source: AccountID, transfer: ExternalTransfer, event: TransferEvent
) -> None:
    """And those who sign its newest version, and who uploads it."""
    keyset = get_keyset(delta, transfer, get_version(transfer))
    signers = [each.account_id for each in keyset.cosigners]
    submitters = [] if transfer.submitter is None else [transfer.submitter]
    tell(delta, source, transfer, event, *signers, *submitters)


def _can_be_signed_again(transfer: ExternalTransfer, keyset: Keyset) -> bool:
    return (
        (transfer.chain_id, transfer.wallet) == (keyset.chain_id, keyset.wallet)
        and transfer.state is not TransferState.SETTLED
        and transfer.submitted_at_ms is None
        and len(transfer.versions) < VERSIONS_MAX
    )

"""ManageKeyset: which keys move what one of the network's wallets holds."""

from itertools import pairwise

from msgspec.structs import replace

from schemas.generated.bounds import KEYSET_COSIGNERS_ITEMS_MAX
from schemas.generated.common import U64, AccountID, Action
from schemas.generated.entries import ExternalTransfer, Keyset, KeysetState, Wallet, WalletNonce
from schemas.generated.ledger import EffectKind, KeysetChange
from schemas.generated.operations import ManageKeyset, ManageKeysetCode, ManageKeysetResult
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_keyset
from streams.ledger.border.chains import is_chain_id
from streams.ledger.border.keysets import are_cosigners, get_current_keyset, is_policy_strong
from streams.ledger.border.transfers import sign_again
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_plain

OUTPUT_BYTES = (
    compute_change_bytes(Keyset, 2)
    + compute_change_bytes(Wallet)
    + compute_change_bytes(WalletNonce)
    + (KEYSET_COSIGNERS_ITEMS_MAX + 1) * EFFECT_BYTES
    + compute_result_bytes(ManageKeysetResult)
)
SIGNED_AGAIN_BYTES = compute_change_bytes(ExternalTransfer) + EFFECT_BYTES


def validate(op: ManageKeyset) -> ManageKeysetCode | None:
    """Checks that hold whatever the ledger says."""
    if not is_chain_id(op.chain_id):
        return ManageKeysetCode.INVALID_CHAIN_ID
    if not (op.derivation.isascii() and is_plain(op.account)):
        return ManageKeysetCode.INVALID_TEXT
    if not 1 <= op.threshold < len(op.cosigners):
        return ManageKeysetCode.INVALID_THRESHOLD
    if not are_cosigners(op.cosigners):
        return ManageKeysetCode.INVALID_COSIGNERS
    if not any(each.is_offline for each in op.cosigners):
        return ManageKeysetCode.OFFLINE_KEY_NEEDED
    if not all(one < other for one, other in pairwise(op.signed_again)):
        return ManageKeysetCode.INVALID_TRANSFERS
    return None


def get_requirements(
    op: ManageKeyset,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Giving the wallet keysets."""
    return (require_keyset(Action.UPDATE, op.chain_id, op.wallet),)


def apply(
    op: ManageKeyset, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """The former keyset stays known; transfers that are named await signatures of the new one."""
    former = get_current_keyset(delta, op.chain_id, op.wallet)
    if any(delta.get_account(each.account_id) is None for each in op.cosigners):
        return refused(ManageKeysetCode.COSIGNER_NOT_FOUND)
    if former is not None and (op.account != former.account or op.binds_from < former.binds_from):
        return refused(ManageKeysetCode.BINDS_TOO_EARLY)
    if former is not None and not is_policy_strong(delta):
        return refused(ManageKeysetCode.POLICY_TOO_WEAK)
    if not context.is_governed:
        return refused(ManageKeysetCode.GOVERNED_CHANGE_NEEDED)
    keyset = _make_keyset(op, 1 if former is None else former.version + 1)
    if former is not None:
        delta.put(replace(former, state=KeysetState.FORMER))
    delta.put(keyset)
    delta.put(Wallet(op.chain_id, op.wallet, keyset.version))
    if op.account and delta.get_wallet_nonce(op.chain_id, op.account) is None:
        delta.put(WalletNonce(op.chain_id, op.account, op.binds_from))
    _tell(delta, source, keyset)
    again = sign_again(delta, source, keyset, op.signed_again)
    return succeeded(ManageKeysetResult(keyset.version, again))


def _make_keyset(op: ManageKeyset, version: int) -> Keyset:
    return Keyset(
        chain_id=op.chain_id,
        wallet=op.wallet,
        version=version,
        threshold=op.threshold,
        cosigners=op.cosigners,
        derivation=op.derivation,
        account=op.account,
        binds_from=U64(op.binds_from),
        state=KeysetState.CURRENT,
    )


def _tell(delta: LedgerDelta, source: AccountID, keyset: Keyset) -> None:
    """Whoever made it, and all its cosigners."""
    detail = KeysetChange(keyset.chain_id, keyset.wallet, keyset.version)
    told = {source: None, **{each.account_id: None for each in keyset.cosigners}}
    for account_id in told:
        delta.add_effect(account_id, EffectKind.KEYSET_CHANGED, detail)


def compute_output_bytes(op: ManageKeyset, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES + len(op.signed_again) * SIGNED_AGAIN_BYTES

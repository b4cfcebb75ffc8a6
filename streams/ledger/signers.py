"""Who signs for an account: whether they may, and putting others in their place."""

from collections.abc import Iterable, Sequence
from typing import Any

from msgspec.structs import replace

from schemas.generated.bounds import ACCOUNT_SIGNERS_ITEMS_MAX, SIGNER_DATA_DETAILS_LENGTH_MAX
from schemas.generated.common import AccessKind, AccountID, SignerData
from schemas.generated.entries import Account, Signer
from schemas.generated.keys import signer_key
from schemas.generated.ledger import EffectKind
from schemas.json_text import is_json_text
from streams.ledger.access.registry import USE_BYTES, count_uses
from streams.ledger.errors import InvariantViolation
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import SIGNATURE_THRESHOLD

SIGNER_BYTES = (
    compute_change_bytes(Signer, is_new=True) - SIGNER_DATA_DETAILS_LENGTH_MAX + USE_BYTES
)
"""A new signer's, beside its details."""
REPLACEMENT_BYTES = (
    compute_change_bytes(Account)
    + ACCOUNT_SIGNERS_ITEMS_MAX * (compute_change_bytes(Signer, is_new=True) + USE_BYTES)
    + EFFECT_BYTES
)
"""What replacing all signers adds beside the new ones: those that were there."""


def compute_signer_bytes(signers: Iterable[SignerData]) -> int:
    """The most bytes that so many new signers add to a ledger's body."""
    return sum(SIGNER_BYTES + len(signer.details) for signer in signers)


def validate_signers(signers: Sequence[SignerData], codes: Any) -> Any:
    """Why these may not be an account's first signers. `codes`: the operation's enum."""
    if not signers:
        return codes.NO_SIGNER_DATA
    if len({signer.public_key for signer in signers}) != len(signers):
        return codes.SIGNER_DUPLICATION
    if not all(is_json_text(signer.details) for signer in signers):
        return codes.INVALID_SIGNER_DATA
    if not _have_enough_weight(signers):
        return codes.INVALID_WEIGHT
    return None


def have_roles(state: LedgerState, signers: Iterable[SignerData]) -> bool:
    """Whether the role of each signer exists."""
    return all(state.get_signer_role(signer.role_id) is not None for signer in signers)


def apply_signers(delta: LedgerDelta, account_id: AccountID, signers: Sequence[SignerData]) -> None:
    """Adds the signers' entries. The account must list their keys."""
    for signer in signers:
        delta.put(Signer(account_id, signer))
        count_uses(delta, AccessKind.SIGNER_ROLE, (signer.role_id,), 1)


def replace_signers(
    delta: LedgerDelta, account_id: AccountID, signers: Sequence[SignerData]
) -> None:
    """Removes all signers of an account and adds others."""
    account = delta.get_account(account_id)
    if account is None:
        raise InvariantViolation(f"the account {account_id.hex()} is gone")
    for key in account.signers:
        old = delta.get_signer(account_id, key)
        if old is None:
            raise InvariantViolation(f"a signer of {account_id.hex()} is gone")
        count_uses(delta, AccessKind.SIGNER_ROLE, (old.data.role_id,), -1)
        delta.remove(signer_key(account_id, key))
    keys = tuple(sorted(signer.public_key for signer in signers))
    delta.put(replace(account, signers=keys))
    apply_signers(delta, account_id, signers)
    delta.add_effect(account_id, EffectKind.SIGNERS_REPLACED)


def _have_enough_weight(signers: Iterable[SignerData]) -> bool:
    """Every weight counts for something, and the heaviest per identity reach the threshold."""
    heaviest: dict[int, int] = {}
    for signer in signers:
        if signer.weight == 0:
            return False
        heaviest[signer.identity] = max(signer.weight, heaviest.get(signer.identity, 0))
    return sum(heaviest.values()) >= SIGNATURE_THRESHOLD

"""Small facts about the ledger's values, shared by operations."""

from enum import IntFlag

from schemas.generated.common import Amount, Permission
from schemas.generated.entries import AccountRole, SignerRole

AMOUNT_MAX = Amount((1 << 128) - 1)
SIGNATURE_THRESHOLD = 1000
TASKS_MAX = (1 << 32) - 1
MAX_BALANCES_PER_ASSET = 100


class AssetPolicy(IntFlag):
    """Bits of an asset's policies (TokenD's numbers; 4 is retired)."""

    TRANSFERABLE = 1
    BASE_ASSET = 2
    WITHDRAWABLE = 8
    ISSUANCE_MANUAL_REVIEW_REQUIRED = 16
    CAN_BE_BASE_IN_ATOMIC_SWAP = 32
    CAN_BE_QUOTE_IN_ATOMIC_SWAP = 64
    SWAPPABLE = 128


KNOWN_POLICIES = sum(AssetPolicy)


def is_asset_code(code: str) -> bool:
    """1 to 16 ASCII letters and digits."""
    return 1 <= len(code) <= 16 and code.isascii() and code.isalnum()


def has_permission(role: AccountRole | SignerRole | None, permission: Permission) -> bool:
    return role is not None and permission in role.permissions

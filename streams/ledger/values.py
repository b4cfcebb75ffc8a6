"""Small facts about the ledger's values, shared by operations."""

from collections.abc import Sequence
from enum import IntFlag

from schemas.generated.common import Amount
from schemas.generated.entries import Signer

AMOUNT_MAX = Amount((1 << 128) - 1)
SIGNATURE_THRESHOLD = 1000
LEDGER_VERSION_MAX = 1  # the newest rules that this release knows
TASKS_MAX = (1 << 32) - 1
MAX_BALANCES_PER_ASSET = 100
# Roles of the genesis: of accounts, and of signers.
MASTER_ROLE, GENERAL_ROLE = 1, 2
MASTER_SIGNER_ROLE, OWNER_SIGNER_ROLE, DEFAULT_SIGNER_ROLE, SERVICE_SIGNER_ROLE = 1, 2, 3, 4


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


def is_plain(text: str) -> bool:
    """Printable ASCII without spaces, so that it looks the same to everyone."""
    return text.isascii() and text.isprintable() and " " not in text


def is_word(text: str) -> bool:
    """The same, and not empty."""
    return text != "" and is_plain(text)


def is_asset_code(code: str) -> bool:
    """1 to 16 ASCII letters and digits."""
    return 1 <= len(code) <= 16 and code.isascii() and code.isalnum()


def compute_weight(signers: Sequence[Signer]) -> int:
    """Only the heaviest signer of an identity counts."""
    if len(signers) == 1:  # the most common case, at a third of the cost
        return signers[0].data.weight
    heaviest: dict[int, int] = {}
    for signer in signers:
        data = signer.data
        heaviest[data.identity] = max(data.weight, heaviest.get(data.identity, 0))
    return sum(heaviest.values())

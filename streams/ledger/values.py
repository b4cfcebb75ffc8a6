"""Small facts about the ledger's values, shared by operations."""

import json
from enum import IntFlag

from schemas.generated.common import Amount, Permission
from schemas.generated.ledger import AccountRole, SignerRole

AMOUNT_MAX = Amount((1 << 128) - 1)
SIGNATURE_THRESHOLD = 1000
TASKS_MAX = (1 << 32) - 1
JSON_DEPTH_MAX = 32
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


class IssuanceTask(IntFlag):
    """Task bits that the system alone sets on issuances (TokenD's numbers)."""

    INSUFFICIENT_AVAILABLE_FOR_ISSUANCE = 1
    MANUAL_REVIEW_REQUIRED = 2
    DEPOSIT_LIMIT_EXCEEDED = 4


SYSTEM_ISSUANCE_TASKS = sum(IssuanceTask)


def is_asset_code(code: str) -> bool:
    """1 to 16 ASCII letters and digits."""
    return 1 <= len(code) <= 16 and code.isascii() and code.isalnum()


def is_details(details: bytes) -> bool:
    """Empty, or one JSON value (RFC 8259, in UTF-8) nested at most 32 levels.

    Its meaning is opaque to the ledger.
    """
    if not details:
        return True
    if details.count(b"[") + details.count(b"{") > JSON_DEPTH_MAX and _is_too_deep(details):
        return False
    try:
        # Numbers are left as text: how large one may be differs between interpreters.
        json.loads(
            details.decode(), parse_int=str, parse_float=str, parse_constant=_refuse_constant
        )
    except ValueError:
        return False
    return True


def _refuse_constant(name: str) -> str:
    """NaN and the infinities, which Python reads and JSON does not have."""
    raise ValueError(name)


def _is_too_deep(details: bytes) -> bool:
    """Counts brackets outside strings, so that no parser ever recurses further than allowed."""
    depth, in_string, escaped = 0, False, False
    for byte in details:
        if in_string:
            in_string = escaped or byte != ord('"')
            escaped = byte == ord("\\") and not escaped
        elif byte == ord('"'):
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > JSON_DEPTH_MAX:
                return True
        elif byte in b"]}":
            depth -= 1
    return False


def has_permission(role: AccountRole | SignerRole | None, permission: Permission) -> bool:
    return role is not None and permission in role.permissions

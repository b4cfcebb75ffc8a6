"""The most bytes that an operation adds to a ledger's body, added up from the schemas' bounds.

A set is cut by these sums, so that a ledger's record never exceeds its limit.
"""

from schemas.generated import entries, ledger
from schemas.generated.keys import Entry
from schemas.generated.sizes import BYTES_MAX

OPTIONAL_BYTES = 1  # of `before` and `after`, each
BRANCH_BYTES = 2  # a union index, at most
EFFECT_BYTES = BYTES_MAX[ledger.ParticipantEffect]


def compute_change_bytes(kind: type[Entry], count: int = 1, *, is_new: bool = False) -> int:
    """Changes of `count` entries of a kind; `is_new`: they did not exist before."""
    key = BRANCH_BYTES + BYTES_MAX[getattr(entries, f"{kind.__name__}Key")]
    entry = BRANCH_BYTES + BYTES_MAX[kind]
    return count * (key + 2 * OPTIONAL_BYTES + (entry if is_new else 2 * entry))


def compute_result_bytes(kind: type) -> int:
    """An OperationResult with the payload `kind`."""
    return BRANCH_BYTES + BYTES_MAX[kind] + OPTIONAL_BYTES

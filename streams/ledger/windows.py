"""Deterministic transactions of services: from the same facts every instance makes the same bytes.

Time is cut into windows of ten minutes. What a service does in a window about a final fact, which
an evidence key names, has times and a salt that follow from the window; so instances sign one
transaction without talking to each other first. schemas/PROTOCOL.md has the rule, the vectors an
example.
"""

from hashlib import sha256
from typing import NamedTuple

from schemas.generated.builders import OperationBody
from schemas.generated.common import U64, AccountID, Hash
from schemas.generated.transactions import Operation, Transaction

WINDOW_MS = 600_000


class WindowTimes(NamedTuple):
    """When a transaction of a window holds; both ends are inclusive."""

    min_time_ms: int
    max_time_ms: int


def compute_window(close_time_ms: int) -> int:
    """The number of the window that a ledger closes in."""
    return close_time_ms // WINDOW_MS


def compute_window_times(window: int) -> WindowTimes:
    return WindowTimes(window * WINDOW_MS, (window + 1) * WINDOW_MS - 1)


def compute_window_salt(
    network_id: Hash, source: AccountID, operation: str, evidence_key: bytes, window: int
) -> U64:
    """`operation`: its name in the contract, as create_issuance_request."""
    preimage = b"tokend-window" + network_id + source + operation.encode() + evidence_key
    digest = sha256(preimage + window.to_bytes(8, "big")).digest()
    return U64(int.from_bytes(digest[:8], "big"))


def make_window_transaction(
    network_id: Hash,
    source: AccountID,
    operation: str,
    evidence_key: bytes,
    window: int,
    *bodies: OperationBody,
) -> Transaction:
    """Of one window and one fact; `operation` names what is done about it."""
    times = compute_window_times(window)
    return Transaction(
        network_id=network_id,
        source_account=source,
        salt=compute_window_salt(network_id, source, operation, evidence_key, window),
        min_time_ms=U64(times.min_time_ms),
        max_time_ms=U64(times.max_time_ms),
        memo="",
        operations=tuple(Operation(None, body) for body in bodies),
    )

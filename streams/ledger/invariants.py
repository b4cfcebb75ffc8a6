"""What must hold after every ledger, whatever the operations did. A breach stops the node.

The checks cost O(changes) against the assets' running totals; `check_everything` scans all and
runs at start and at snapshots.
"""

from collections.abc import Callable, Mapping
from itertools import chain

from schemas.codec import decode
from schemas.generated.ledger import Asset, Balance, LedgerEntry, Reference
from streams.ledger.errors import InvariantViolation
from streams.ledger.keys import USED_REFERENCE, Entry, KeyBytes, get_key
from streams.ledger.state import LedgerState

EntryPairs = list[tuple[Entry | None, Entry | None]]  # before, after


def check_changes(changes: Mapping[KeyBytes, tuple[bytes | None, Entry | None]]) -> None:
    """`changes`: per key the entry's bytes before the ledger and the entry after it."""
    pairs = []
    for key, (before, after) in changes.items():
        if after is not None and get_key(after) != key:
            raise InvariantViolation(f"the entry {key.hex()} is kept under another entry's key")
        if before is None and key[0] == USED_REFERENCE:
            continue  # new, as in every payment: no check asks for it
        pairs.append((None if before is None else decode(LedgerEntry, before).data, after))
    for check in CHECKS:
        check(pairs)


def check_everything(state: LedgerState) -> None:
    """Every asset's issued amount is the sum of its balances, and within its limit."""
    check_changes({key: (None, state.get(key)) for key in sorted(state.encoded)})


def check_conservation(pairs: EntryPairs) -> None:
    """Per asset: what all balances gained is what was issued."""
    gained: dict[str, int] = {}
    for entry, sign in chain(
        ((before, -1) for before, _ in pairs), ((after, 1) for _, after in pairs)
    ):
        if isinstance(entry, Balance):
            gain = sign * (entry.amount + entry.locked)
            gained[entry.asset] = gained.get(entry.asset, 0) + gain
        elif isinstance(entry, Asset):
            gained[entry.code] = gained.get(entry.code, 0) - sign * entry.issued
    broken = sorted(asset for asset, gain in gained.items() if gain != 0)
    if broken:
        raise InvariantViolation(f"value was made or lost in {', '.join(broken)}")


def check_issuance_limits(pairs: EntryPairs) -> None:
    """No asset is issued, or promised, beyond its maximum."""
    for _, after in pairs:
        if (
            isinstance(after, Asset)
            and after.issued + after.pending_issuance > after.max_issuance_amount
        ):
            raise InvariantViolation(f"{after.code} is issued beyond its maximum")


def check_identities(pairs: EntryPairs) -> None:
    """A balance never changes its owner or asset; accounts, assets, balances and references stay
    for ever, and references as they are.
    """
    for before, after in pairs:
        if isinstance(before, Reference):
            raise InvariantViolation(f"{get_key(before).hex()} was changed")
        if before is None or type(before).__name__ not in ("Account", "Asset", "Balance"):
            continue
        if after is None:
            raise InvariantViolation(f"{get_key(before).hex()} was removed")
        if isinstance(before, Balance) and (before.account_id, before.asset) != (
            getattr(after, "account_id", None),
            getattr(after, "asset", None),
        ):
            raise InvariantViolation(f"the balance {before.balance_id.hex()} changed hands")


CHECKS: tuple[Callable[[EntryPairs], None], ...] = (
    check_conservation,
    check_issuance_limits,
    check_identities,
)

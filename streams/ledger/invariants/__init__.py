"""What must hold after every ledger, whatever the operations did. A breach stops the node.

Each invariant sees the changed entries of the kinds it names, before and after, and concludes. So a
ledger costs O(changes) against the running totals; `check_everything` shows every entry as a new
one, at starts and at snapshots.
"""

from collections.abc import Callable, Mapping
from typing import Any

from schemas.assembly import encode_index, get_type_name
from schemas.codec import decode
from schemas.contract import ENTRIES
from schemas.generated import entries
from schemas.generated.entries import READERS
from schemas.generated.keys import Entry, KeyBytes, get_key
from schemas.generated.ledger import LedgerEntry
from streams.ledger.errors import InvariantViolation
from streams.ledger.invariants.addresses import Addresses
from streams.ledger.invariants.conservation import Conservation
from streams.ledger.invariants.identities import Identities
from streams.ledger.invariants.issuance_limits import IssuanceLimits
from streams.ledger.invariants.locked_amounts import LockedAmounts
from streams.ledger.invariants.promises import Promises
from streams.ledger.invariants.request_hashes import RequestHashes
from streams.ledger.invariants.reservations import Reservations
from streams.ledger.invariants.signers_known import SignersKnown
from streams.ledger.invariants.transfers import Transfers
from streams.ledger.state import LedgerState

# By the first byte of an entry, which is its branch in LedgerEntry.
KINDS: dict[int, type] = {
    encode_index(row.number)[0]: getattr(entries, get_type_name(row.stem)) for row in ENTRIES
}
INVARIANTS = (
    Conservation,
    IssuanceLimits,
    Identities,
    SignersKnown,
    LockedAmounts,
    RequestHashes,
    Promises,
    Reservations,
    Addresses,
    Transfers,
)


def check_changes(
    state: LedgerState, changes: Mapping[KeyBytes, tuple[bytes | None, Entry | None]]
) -> None:
    """`changes`: per key the entry's bytes before the ledger and the entry after it."""
    invariants, seers = _make_invariants()
    for key, (raw, after) in changes.items():
        if after is not None and get_key(after) != key:
            raise InvariantViolation(f"the entry {key.hex()} is kept under another entry's key")
        before = None if raw is None else decode(LedgerEntry, raw).data
        for see in seers.get(type(before if after is None else after), ()):
            see(before, after)
    for invariant in invariants:
        invariant.conclude(state)


def check_everything(state: LedgerState) -> None:
    """The same for all entries. It decodes them one by one and keeps none; kinds that no invariant
    names are passed over."""
    invariants, seers = _make_invariants()
    wanted = {
        branch: (READERS[kind], seers[kind]) for branch, kind in KINDS.items() if kind in seers
    }
    for key, raw in state.encoded.items():
        found = wanted.get(raw[0])
        if found is None:
            continue
        read, wanting = found
        entry, _ = read(raw, 1)
        if get_key(entry) != key:
            raise InvariantViolation(f"the entry {key.hex()} is kept under another entry's key")
        for see in wanting:
            see(None, entry)
    for invariant in invariants:
        invariant.conclude(state)
    state.trim_cache()


def _make_invariants() -> tuple[list[Any], dict[type, list[Callable[[Any, Any], None]]]]:
    """Fresh invariants, and by kind of entry who wants to see it."""
    invariants: list[Any] = [kind() for kind in INVARIANTS]
    seers: dict[type, list[Callable[[Any, Any], None]]] = {}
    for invariant in invariants:
        for kind in invariant.kinds:
            seers.setdefault(kind, []).append(invariant.see)
    return invariants, seers

"""What must hold after every ledger, whatever the operations did. A breach stops the node.

Each invariant sees the changed entries of the kinds it names, before and after, and concludes. So a
ledger costs O(changes) against the running totals; `check_everything` shows every entry as a new
one, at starts and at snapshots.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from schemas.assembly import encode_index, get_type_name
from schemas.codec import decode
from schemas.contract import ENTRIES
from schemas.generated import entries
from schemas.generated.common import AccountID
from schemas.generated.entries import (
    READERS,
    Account,
    Asset,
    AssetSupply,
    Balance,
    ReviewableRequest,
    Signer,
)
from schemas.generated.keys import Entry, KeyBytes, get_key
from schemas.generated.ledger import LedgerEntry
from streams.ledger.errors import InvariantViolation
from streams.ledger.requests.locks import get_lock
from streams.ledger.state import LedgerState


class Conservation:
    """Per asset: what all balances gained is what was issued."""

    kinds: ClassVar = (Balance, AssetSupply)

    def __init__(self) -> None:
        self._gained: dict[str, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, Balance):
                gain = sign * (entry.amount + entry.locked)
                self._gained[entry.asset] = self._gained.get(entry.asset, 0) + gain
            elif entry is not None:
                self._gained[entry.code] = self._gained.get(entry.code, 0) - sign * entry.issued

    def conclude(self, state: LedgerState) -> None:
        del state
        broken = sorted(asset for asset, gain in self._gained.items() if gain != 0)
        if broken:
            raise InvariantViolation(f"value was made or lost in {', '.join(broken)}")


class IssuanceLimits:
    """No asset is issued, or promised, beyond its maximum."""

    kinds: ClassVar = (Asset, AssetSupply)

    def __init__(self) -> None:
        self._codes: set[str] = set()

    def see(self, before: Any, after: Any) -> None:
        self._codes.add((after or before).code)

    def conclude(self, state: LedgerState) -> None:
        for code in sorted(self._codes):
            asset, supply = state.get_asset(code), state.get_asset_supply(code)
            if asset is None or supply is None:
                raise InvariantViolation(f"{code} lacks its definition or its supply")
            if supply.issued + supply.pending_issuance > asset.max_issuance_amount:
                raise InvariantViolation(f"{code} is issued beyond its maximum")


class Identities:
    """Accounts, assets and balances stay for ever; a balance keeps its owner and its asset."""

    kinds: ClassVar = (Account, Asset, AssetSupply, Balance)

    def see(self, before: Any, after: Any) -> None:
        if before is None:
            return
        if after is None:
            raise InvariantViolation(f"{get_key(before).hex()} was removed")
        if isinstance(before, Balance) and (before.account_id, before.asset) != (
            after.account_id,
            after.asset,
        ):
            raise InvariantViolation(f"the balance {before.balance_id.hex()} changed hands")

    def conclude(self, state: LedgerState) -> None:
        """Each change was judged by itself."""


class SignersKnown:
    """An account lists exactly its signers: their keys, as numbers, add up to the same."""

    kinds: ClassVar = (Account, Signer)

    def __init__(self) -> None:
        self._surplus: dict[AccountID, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, Account):
                self._add(entry.account_id, sign * sum(map(int.from_bytes, entry.signers)))
            elif entry is not None:
                self._add(entry.account_id, -sign * int.from_bytes(entry.data.public_key))

    def conclude(self, state: LedgerState) -> None:
        del state
        for account_id, surplus in self._surplus.items():
            if surplus != 0:
                raise InvariantViolation(f"the account {account_id.hex()} lists other signers")

    def _add(self, account_id: AccountID, number: int) -> None:
        self._surplus[account_id] = self._surplus.get(account_id, 0) + number


class LockedAmounts:
    """What is locked on a balance is what requests lock on it."""

    kinds: ClassVar = (Balance, ReviewableRequest)

    def __init__(self) -> None:
        self._surplus: dict[bytes, int] = {}

    def see(self, before: Any, after: Any) -> None:
        for entry, sign in ((before, -1), (after, 1)):
            if isinstance(entry, Balance):
                if entry.locked:
                    self._add(entry.balance_id, sign * entry.locked)
            elif entry is not None:
                lock = get_lock(entry.body)
                if lock is not None:
                    self._add(lock[0], -sign * lock[1])

    def conclude(self, state: LedgerState) -> None:
        del state
        for balance_id, surplus in self._surplus.items():
            if surplus != 0:
                raise InvariantViolation(f"{balance_id.hex()} does not lock what requests lock")

    def _add(self, balance_id: bytes, amount: int) -> None:
        self._surplus[balance_id] = self._surplus.get(balance_id, 0) + amount


# By the first byte of an entry, which is its branch in LedgerEntry.
KINDS: dict[int, type] = {
    encode_index(row.number)[0]: getattr(entries, get_type_name(row.stem)) for row in ENTRIES
}
INVARIANTS = (Conservation, IssuanceLimits, Identities, SignersKnown, LockedAmounts)


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

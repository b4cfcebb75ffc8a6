"""The ledger's state in memory and the delta a transaction writes through.

The bytes of every entry are the truth (they are what the state root commits to); decoded entries
are a cache beside them, filled as they are asked for. Entries are values: a change puts a new one.
It knows no rule of any operation and no store.
"""

from collections.abc import Iterable, Mapping

from schemas.codec import decode, encode
from schemas.generated.common import AccountID, BalanceID, PublicKey
from schemas.generated.ledger import (
    Account,
    AccountRole,
    Asset,
    Balance,
    BaseAssets,
    Counters,
    KeyValue,
    LedgerEntry,
    NetworkSettings,
    ParticipantEffect,
    Reference,
    RequestReference,
    ReviewableRequest,
    Signer,
    SignerRole,
    Validators,
)
from streams.ledger import keys
from streams.ledger.keys import Entry, KeyBytes, get_key


class LedgerState:
    """All entries after one ledger."""

    __slots__ = ("authority", "decoded", "encoded")

    def __init__(self, encoded: Mapping[KeyBytes, bytes]) -> None:
        # Another object whenever anything changed that says who may sign for whom: what was found
        # authorized under the same one need not be judged again.
        self.authority = object()
        self.encoded: dict[KeyBytes, bytes] = dict(encoded)
        self.decoded: dict[KeyBytes, Entry] = {}

    def get(self, key: KeyBytes) -> Entry | None:
        entry = self.decoded.get(key)
        if entry is None:
            raw = self.encoded.get(key)
            if raw is None:
                return None
            entry = decode(LedgerEntry, raw).data
            if key[0] not in keys.SELDOM_READ:
                self.decoded[key] = entry
        return entry

    def forget_seldom_read(self, changed: Iterable[KeyBytes]) -> None:
        """Their bytes stay. Every payment with a reference leaves one for ever: kept decoded, it
        would take 250 bytes more."""
        for key in changed:
            if key[0] in keys.SELDOM_READ:
                self.decoded.pop(key, None)

    # A key's first byte is its entry's type, so what `get` returns is known; the ignores below say
    # only that, and a test asks for every type once.

    def get_settings(self) -> NetworkSettings:
        return self.get(keys.NETWORK_SETTINGS)  # type: ignore[return-value]

    def get_counters(self) -> Counters:
        return self.get(keys.COUNTERS)  # type: ignore[return-value]

    def get_base_assets(self) -> BaseAssets:
        return self.get(keys.BASE_ASSETS)  # type: ignore[return-value]

    def get_validators(self) -> Validators:
        return self.get(keys.VALIDATORS)  # type: ignore[return-value]

    def get_account_role(self, role_id: int) -> AccountRole | None:
        return self.get(keys.account_role_key(role_id))  # type: ignore[return-value]

    def get_signer_role(self, role_id: int) -> SignerRole | None:
        return self.get(keys.signer_role_key(role_id))  # type: ignore[return-value]

    def get_account(self, account_id: AccountID) -> Account | None:
        return self.get(keys.account_key(account_id))  # type: ignore[return-value]

    def get_signer(self, account_id: AccountID, public_key: PublicKey) -> Signer | None:
        return self.get(keys.signer_key(account_id, public_key))  # type: ignore[return-value]

    def get_key_value(self, key: str) -> KeyValue | None:
        return self.get(keys.key_value_key(key))  # type: ignore[return-value]

    def get_asset(self, code: str) -> Asset | None:
        return self.get(keys.asset_key(code))  # type: ignore[return-value]

    def get_balance(self, balance_id: BalanceID) -> Balance | None:
        return self.get(keys.balance_key(balance_id))  # type: ignore[return-value]

    def get_reference(self, account_id: AccountID, reference: str) -> Reference | None:
        return self.get(keys.reference_key(account_id, reference))  # type: ignore[return-value]

    def get_request(self, request_id: int) -> ReviewableRequest | None:
        return self.get(keys.reviewable_request_key(request_id))  # type: ignore[return-value]

    def get_request_reference(
        self, requestor: AccountID | None, reference: str
    ) -> RequestReference | None:
        key = keys.request_reference_key(requestor, reference)
        return self.get(key)  # type: ignore[return-value]


class LedgerDelta(LedgerState):
    """One transaction's view: reads its own writes, and takes them all back on `roll_back`.

    It writes to the state itself and keeps, per touched key, the entry before (an undo journal:
    measured twice as fast as an overlay of dictionaries).
    """

    __slots__ = ("_state", "before", "effects", "operation_index")

    def __init__(self, state: LedgerState) -> None:
        self._state = state
        self.encoded = state.encoded
        self.decoded = state.decoded
        self.before: dict[KeyBytes, Entry | None] = {}
        self.effects: list[ParticipantEffect] = []
        self.operation_index = 0

    def get(self, key: KeyBytes) -> Entry | None:
        entry = self.decoded.get(key)
        if entry is None and key not in self.before:  # not one that this transaction removed
            entry = self._state.get(key)
        return entry

    def put(self, entry: Entry) -> None:
        """Creates or replaces."""
        key = get_key(entry)
        if key not in self.before:
            self.before[key] = self._state.get(key)
        self.decoded[key] = entry

    def remove(self, key: KeyBytes) -> None:
        if key not in self.before:
            self.before[key] = self._state.get(key)
        self.decoded.pop(key, None)

    def roll_back(self) -> None:
        for key, entry in self.before.items():
            if entry is None:
                self.decoded.pop(key, None)
            else:
                self.decoded[key] = entry
        self.before.clear()
        self.effects.clear()

    def commit(self) -> list[tuple[KeyBytes, bytes | None, bytes | None]]:
        """Makes the changes the state's; returns (key, bytes before, bytes after), by key."""
        changes: list[tuple[KeyBytes, bytes | None, bytes | None]] = []
        for key in sorted(self.before):
            entry = self.decoded.get(key)
            after = None if entry is None else encode(LedgerEntry(entry))
            before = self.encoded.get(key)
            if before != after:
                changes.append((key, before, after))
        for key, _, after in changes:  # only once every entry could be encoded
            if key[0] in keys.AUTHORITY:
                self._state.authority = object()
            if after is None:
                del self.encoded[key]
            else:
                self.encoded[key] = after
        self.before.clear()
        return changes

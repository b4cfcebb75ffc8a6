"""What everybody holds of the shared account's assets, and what is about to move outside: the
entries that a proof of reserves needs of a ledger, folded one by one. Pure."""

from collections.abc import Collection
from typing import Any

from schemas.codec import decode
from schemas.generated import keys
from schemas.generated.common import AccountID
from schemas.generated.entries import (
    Asset,
    AssetHalt,
    AssetSupply,
    Balance,
    ExternalTransfer,
    NetworkFeeDebt,
    TransferState,
)
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import LedgerEntry
from streams.ledger.sum_tree import SUM_BYTES

BRANCHES = frozenset(
    key[0]
    for key in (
        keys.ASSET,
        keys.ASSET_SUPPLY,
        keys.ASSET_HALT,
        keys.BALANCE,
        keys.EXTERNAL_TRANSFER,
        keys.NETWORK_FEE_DEBT,
    )
)


class Books:
    """`issued`: by asset. `transfers`: those without an outcome, by number; `debts`: network fees
    that nobody paid, by the transfer's number."""

    def __init__(self, owner: AccountID) -> None:
        self._owner = owner
        self.issued: dict[str, int] = {}
        self.transfers: dict[int, ExternalTransfer] = {}
        self.debts: dict[int, NetworkFeeDebt] = {}
        self._halts: dict[bytes, str] = {}
        self._foreign: set[str] = set()
        self._balances: dict[str, dict[bytes, bytes]] = {}
        self._asset_of: dict[bytes, str] = {}

    def put(self, key: KeyBytes, after: bytes | None) -> None:
        """An entry as it is now; None: it is gone."""
        if key[0] not in BRANCHES:
            return
        if after is None:
            self._remove(key)
        else:
            self._keep(key, decode(LedgerEntry, after).data)

    @property
    def halted(self) -> Collection[str]:
        """The assets of which nothing may be withdrawn."""
        return self._halts.values()

    def _keep(self, key: KeyBytes, entry: Any) -> None:
        match entry:
            case Balance() if entry.asset not in self._foreign:
                held = (entry.amount + entry.locked).to_bytes(SUM_BYTES, "big")
                self._balances.setdefault(entry.asset, {})[entry.balance_id] = held
                self._asset_of[entry.balance_id] = entry.asset
            case AssetSupply():
                self.issued[entry.code] = int(entry.issued)
            case Asset() if entry.owner != self._owner:
                self._foreign.add(entry.code)
                for balance_id in self._balances.pop(entry.code, ()):
                    del self._asset_of[balance_id]
            case AssetHalt() if entry.withdrawal:
                self._halts[key] = entry.asset
            case AssetHalt():
                self._halts.pop(key, None)
            case ExternalTransfer() if entry.state is not TransferState.SETTLED:
                self.transfers[int(entry.transfer_id)] = entry
            case ExternalTransfer():
                self.transfers.pop(int(entry.transfer_id), None)
            case NetworkFeeDebt():
                self.debts[int(entry.transfer_id)] = entry

    def _remove(self, key: KeyBytes) -> None:
        branch, name = key[0], key[1:]
        if branch == keys.BALANCE[0]:
            asset = self._asset_of.pop(name, None)
            if asset is not None:
                del self._balances[asset][name]
        elif branch == keys.ASSET_HALT[0]:
            self._halts.pop(key, None)
        elif branch == keys.EXTERNAL_TRANSFER[0]:
            self.transfers.pop(int.from_bytes(name, "big"), None)
        elif branch == keys.NETWORK_FEE_DEBT[0]:
            self.debts.pop(int.from_bytes(name, "big"), None)

    def list_leaves(self, asset: str) -> bytes:
        """Of a Merkle sum tree: each balance that is not empty, with its amount, by id."""
        empty = bytes(SUM_BYTES)
        balances = self._balances.get(asset, {})
        return b"".join(name + held for name, held in sorted(balances.items()) if held != empty)

"""What everybody holds of the shared account's assets: entries that the view has in another form
than the ledger's, because there are many. Pure; folded one by one."""

from typing import Any

from schemas.codec import decode
from schemas.generated import keys
from schemas.generated.common import AccountID
from schemas.generated.entries import (
    Asset,
    AssetSupply,
    Balance,
    NetworkFeeDebt,
)
from schemas.generated.keys import KeyBytes
from schemas.generated.ledger import LedgerEntry
from streams.ledger.sum_tree import SUM_BYTES

BRANCHES = frozenset(
    key[0]
    for key in (
        keys.ASSET,
        keys.ASSET_SUPPLY,
        keys.BALANCE,
        keys.NETWORK_FEE_DEBT,
    )
)


class Books:
    """`issued`: by asset. `debts`: network fees that nobody paid, by the transfer's number."""

    def __init__(self, owner: AccountID) -> None:
        self._owner = owner
        self.issued: dict[str, int] = {}
        self.debts: dict[int, NetworkFeeDebt] = {}
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
            self._keep(decode(LedgerEntry, after).data)

    def get_asset(self, balance_id: bytes) -> str | None:
        """That a balance is of; None: it is none of the shared account's."""
        return self._asset_of.get(balance_id)

    def _keep(self, entry: Any) -> None:
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
            case NetworkFeeDebt():
                self.debts[int(entry.transfer_id)] = entry

    def _remove(self, key: KeyBytes) -> None:
        branch, name = key[0], key[1:]
        if branch == keys.BALANCE[0]:
            asset = self._asset_of.pop(name, None)
            if asset is not None:
                del self._balances[asset][name]
        elif branch == keys.NETWORK_FEE_DEBT[0]:
            self.debts.pop(int.from_bytes(name, "big"), None)

    def list_leaves(self, asset: str) -> bytes:
        """Of a Merkle sum tree: each balance that is not empty, with its amount, by id."""
        empty = bytes(SUM_BYTES)
        balances = self._balances.get(asset, {})
        return b"".join(name + held for name, held in sorted(balances.items()) if held != empty)

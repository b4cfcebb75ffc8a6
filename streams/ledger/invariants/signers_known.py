"""Lists of signers."""

from typing import Any, ClassVar

from schemas.generated.common import AccountID
from schemas.generated.entries import Account, Signer
from streams.ledger.errors import InvariantViolation
from streams.ledger.state import LedgerState


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

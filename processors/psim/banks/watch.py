"""An account at a bank or gateway, watched as a chain is; and what was taken back, and what is
expected. Shell."""

from collections.abc import Callable
from typing import Any, Protocol

from processors.psim.banks.clawbacks import Clawback, TakenBack, claw_back
from processors.psim.banks.statements import Item
from processors.psim.chains.source import ChainSource
from processors.psim.deposit.watch import ChainWatch
from processors.psim.intents import Intent
from processors.psim.meanings import find_asset_of
from processors.psim.view import LedgerView
from schemas.generated.common import AccountID, Hash
from streams.ledger.border.chains import is_halted


class AccountSource(ChainSource, Protocol):
    """What a bank's or gateway's source tells beyond blocks."""

    def find_problems(self) -> list[str]: ...

    def expire(self) -> None: ...

    def list_taken_back(self) -> list[TakenBack]:
        """All that was ever taken back, in order."""
        ...

    def list_expected(self) -> list[Item]:
        """What is under way: a hint."""
        ...


class AccountWatch(ChainWatch):
    """See `ChainWatch`."""

    def __init__(
        self,
        chain_id: str,
        source: AccountSource,
        suspense: AccountID,
        get_view: Callable[[], LedgerView],
        wake: Callable[[], None],
        **more: Any,
    ) -> None:
        super().__init__(
            chain_id, source, suspense, get_view, wake, find_problems=self._list_problems, **more
        )
        self._account = source
        self._clawbacks: list[Clawback] = []

    def get_intents(self, view: LedgerView) -> dict[Hash, Intent]:
        intents = super().get_intents(view)
        asset = find_asset_of(view, self.chain_id)
        taken = self._account.list_taken_back()
        self._clawbacks = [claw_back(view, self.chain_id, each, asset) for each in taken]
        if not is_halted(view.state, self.chain_id):
            made = (each.intent for each in self._clawbacks)
            intents.update({each.key: each for each in made if each is not None})
        return intents

    def hint(self) -> None:
        self._account.expire()
        super().hint()

    def _list_problems(self) -> list[str]:
        found = [each.problem for each in self._clawbacks if each.problem]
        return [*self._account.find_problems(), *found]

    def get_status(self) -> dict[str, Any]:
        expected = len(self._account.list_expected())
        return {**super().get_status(), "expected": expected, "taken_back": len(self._clawbacks)}

    def list_deposits(self) -> list[dict[str, Any]]:
        expected = [
            {
                "chain": self.chain_id,
                "stand": "expected",
                "address": each.reference,
                "amount": str(each.amount),
            }
            for each in self._account.list_expected()
        ]
        return [*expected, *super().list_deposits()]

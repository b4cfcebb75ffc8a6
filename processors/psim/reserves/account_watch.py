"""The reserves of assets that are held at banks and gateways, watched by one instance. Shell.

All statements and events are known to their sources, so any report is derived without asking again.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Protocol

from processors.psim.banks.movements import Movement
from processors.psim.chains.source import COIN, Block, ChainContradiction, ChainUnavailable
from processors.psim.meanings import AccountAsset, find_account_assets
from processors.psim.reserves.accounts import Account, make_account_report
from processors.psim.reserves.agreement import Agreement, Heights
from processors.psim.reserves.reporting import Reporting
from processors.psim.reserves.rules import LedgerFacts, find_facts, is_credited
from processors.psim.view import LedgerView
from schemas.generated.events import ReserveReport


class StatedSource(Protocol):
    """What a bank's or gateway's source tells of its account. `final`: the height of the last
    statement or event that is believed."""

    @property
    def final(self) -> int: ...

    async def look(self) -> None:
        """Reads what is new. Raises `ChainUnavailable` and `ChainContradiction`."""
        ...

    async def get_block(self, height: int) -> Block: ...

    def get_balance(self, height: int) -> int: ...

    def list_movements(self) -> list[Movement]: ...


class AccountReserves(Reporting):
    """See `Reporting`. `sources`: by the accounts' ids."""

    def __init__(self, sources: Mapping[str, StatedSource], *more: Any) -> None:
        super().__init__("banks", *more)
        self._sources = sources

    def _find(self, view: LedgerView) -> dict[str, AccountAsset]:
        found = find_account_assets(view)[0]
        return {c: each for c, each in found.items() if set(each.accounts) <= self._sources.keys()}

    def find_assets(self, view: LedgerView) -> Collection[str]:
        return self._find(view).keys()

    def find_facts(self, view: LedgerView) -> Iterator[LedgerFacts]:
        for code, each in self._find(view).items():
            before = self.get_agreement(code).get_newest()
            yield find_facts(view, each.accounts, COIN, each.meaning, before)

    async def look(self) -> bool:
        """An account that is away holds up the reports of its own asset alone."""
        failed: Exception | None = None
        for agreement in self.agreements.values():
            newest = agreement.get_newest()
            try:
                await self._look(agreement, () if newest is None else newest.places)
            except (ChainUnavailable, ChainContradiction) as error:
                failed = error
        if failed is not None:
            raise failed
        return False

    async def _look(self, agreement: Agreement, places: Collection[str]) -> None:
        sources = [self._sources[each] for each in places]
        for source in sources:
            await source.look()
        final = tuple(each.final for each in sources)
        await self.derive(agreement, final, final)

    async def make_report(
        self, view: LedgerView, facts: LedgerFacts, heights: Heights
    ) -> ReserveReport:
        accounts = [await self._read(*each) for each in zip(facts.places, heights, strict=True)]
        return make_account_report(
            facts, accounts, lambda text: is_credited(view, text, facts.sequence)
        )

    async def _read(self, chain_id: str, height: int) -> Account:
        source = self._sources[chain_id]
        movements = [each for each in source.list_movements() if each.height <= height]
        block, balance = await source.get_block(height), source.get_balance(height)
        return Account(chain_id, block, balance, movements)

    def get_status(self) -> dict[str, Any]:
        status = super().get_status()
        found, mistakes = find_account_assets(self.get_view())
        unknown = {a for e in found.values() for a in e.accounts} - self._sources.keys()
        mistakes += [f"{each} is in no settings: its reserves are not known" for each in unknown]
        read = {name: source.final for name, source in sorted(self._sources.items())}
        return {**status, "read": read, "problems": [*status["problems"], *mistakes]}

"""The world of withdrawals with the service Reserves: whatever happens to transfers, no report that
instances agree on finds that anything is missing, or that there is more."""

from collections.abc import Collection
from typing import Any

from processors.psim.chains.bitcoin_addresses import Network as BitcoinNetwork
from processors.psim.chains.source import (
    COIN,
    Block,
    ChainContradiction,
    ChainPayment,
    ChainUnavailable,
)
from processors.psim.reserves.holdings import BitcoinHoldings, EthereumHoldings
from processors.psim.reserves.rules import LedgerFacts
from processors.psim.reserves.service import ReservesService
from processors.psim.reserves.watch import ReserveWatch
from schemas.generated.events import ReserveReport, SignedReserveReport
from tests.processors.psim.money.coin_model import ModelCoinEndpoint
from tests.processors.psim.money.ledger import ASSETS, BITCOIN, ETHEREUM, FUNDS, NAMES
from tests.processors.psim.money.safe_model import ModelSafeEndpoint
from tests.processors.psim.money.schedules import Schedule
from tests.processors.psim.money.world import Machine, World
from tests.processors.psim.world import make_signer, now

INTERVAL_MS, SETTLE_STEPS = 3_000, 40
UNBACKED = {asset: 99 * amount for asset, amount in FUNDS.items()}
"""So much more than the wallets have is issued from the beginning on."""


class CoinEndpoint(ModelCoinEndpoint):
    async def get_payments(
        self, block: Block, addresses: Collection[str], tokens: Collection[str]
    ) -> list[ChainPayment]:
        del tokens
        self._check()
        network = BitcoinNetwork(BITCOIN)
        found = []
        for transaction in self.chain.blocks[block.height][1]:
            for ordinal, output in enumerate(transaction.outputs):
                address = network.encode_address(output.script)
                if address in addresses:
                    made = (transaction.name, ordinal, address, COIN, output.satoshis)
                    found.append(ChainPayment(*made))
        return found


class SafeEndpoint(ModelSafeEndpoint):
    async def get_payments(self, *_: Any) -> list[ChainPayment]:
        """Nobody has an address."""
        return []


class ReserveMachine(Machine):
    """An instance that hosts Withdraw, Funnel and Reserves, which looks when it comes to it."""

    world: "ReserveWorld"

    def start(self) -> None:
        self.watches: list[ReserveWatch] = []
        super().start()
        coins: Any = CoinEndpoint(self.world.coins)
        safes: Any = SafeEndpoint(self.world.safes)
        self.asked: dict[str, Any] = {BITCOIN: coins, ETHEREUM: safes}
        bitcoin, ethereum = self.services[0][0].desks  # type: ignore[attr-defined]
        for source, holdings in (
            (coins, BitcoinHoldings(BitcoinNetwork(BITCOIN), coins, bitcoin)),
            (safes, EthereumHoldings(safes, ethereum)),
        ):
            chain = BITCOIN if source is coins else ETHEREUM
            watch = ReserveWatch(
                chain,
                source,
                holdings,
                make_signer(self.name),
                lambda: self.view,
                self._tell,
                lambda: None,
                lambda: self.view.close_time_ms / 1000,
            )
            self.watches.append(watch)
        self.hosted = ReservesService(self.watches)

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            for _, signing in self.services:
                signing.note_applied(self.view.applied)
            if self.watches:
                self.hosted.note_ledger(self.view)

    def look(self) -> None:
        """Either may come first."""
        is_first = self.world.random.randrange(2)
        if is_first:
            self._look_at_reserves()
        super().look()
        if not is_first:
            self._look_at_reserves()

    def _look_at_reserves(self) -> None:
        for watch in self.watches:
            others: Any = self.endpoints[watch.name]
            self.asked[watch.name].is_away = others.is_away
            if self.world.random.randrange(3) == 0:
                try:
                    while now(watch.look()):
                        pass
                except (ChainUnavailable, ChainContradiction):
                    self.world.waited += 1

    def _tell(self, asset: str, told: SignedReserveReport, facts: LedgerFacts | None) -> None:
        del asset, facts
        machines: list[Any] = self.world.machines
        for other in machines:
            if self.world.random.randrange(100) >= self.world.loss:
                self.world.reports.append((other, told))


class ReserveWorld(World):
    """`agreed`: every report that an instance took for agreed; `waited`: how often one could not
    look."""

    def __init__(self, seed: int, garbage: str) -> None:
        super().__init__(seed, garbage=garbage, machine=ReserveMachine)

    def __post_init__(self) -> None:
        self.reports: list[tuple[ReserveMachine, SignedReserveReport]] = []
        self.agreed: set[ReserveReport] = set()
        self.waited = 0
        super().__post_init__()

    def restart(self, number: int) -> None:
        super().restart(number)
        self.reports = [each for each in self.reports if each[0].name != NAMES[number]]

    def deliver(self) -> None:
        super().deliver()
        waiting, self.reports = self.reports, []
        self.random.shuffle(waiting)
        for machine, told in waiting:
            machine.hosted.take(told)
            found = (watch.get_agreed(asset) for watch in machine.watches for asset in ASSETS)
            self.agreed.update(each for each in found if each is not None)

    def close(self, *bodies: tuple[str, Any], interval_ms: int = INTERVAL_MS) -> None:
        super().close(*bodies, interval_ms=interval_ms)


class ReserveSchedule(Schedule):
    """Without thieves: what they take is missing. `began`: the ledger after which the wallets have
    what they are to have."""

    steps = 60
    world: ReserveWorld

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.world = ReserveWorld(seed, self.world.garbage)
        self.random = self.world.random
        self.is_lying = False
        self.began = 0

    def _ask(self) -> None:
        if not self.began:
            self.began = self.world.network.ledger.header.sequence
        super()._ask()

    def _steal(self) -> None:
        self._mine()

    def check(self) -> None:
        super().check()
        self.world.run(SETTLE_STEPS)
        agreed = [each for each in self.world.agreed if each.sequence > self.began]
        for each in agreed:
            found = int(each.missing) - int(each.surplus) - UNBACKED[each.asset]
            where = f"after ledger {each.sequence} and block {each.height}"
            assert found == 0, f"{found} {each.asset} are missing {where}: {each.items}"
        assert {each.asset for each in agreed} == set(ASSETS), "instances agree on no report"

"""The world of deposits with the service Reserves: its reports travel by the same kind of bus."""

from collections.abc import Collection, Mapping, Sequence

from processors.psim.chains.source import Block, ChainPayment, ChainUnavailable
from processors.psim.reserves.holdings import Paid, Wallets
from processors.psim.reserves.rules import LedgerFacts
from processors.psim.reserves.service import ReservesService
from processors.psim.reserves.watch import ReserveWatch
from processors.psim.signing.rules import Output
from processors.psim.view import LedgerView
from schemas.generated.common import WalletKind
from schemas.generated.events import ReserveReport, SignedReserveReport
from streams.ledger.sum_tree import SumTree
from streams.ledger.windows import compute_window
from tests.processors.psim.chain_model import ModelSource, make_payment
from tests.processors.psim.schedules import ASSETS, Schedule
from tests.processors.psim.world import CHAIN, COIN_ASSET, Machine, World, make_signer, now

STEPS_MAX = 20


class ModelHoldings:
    """A `HoldingsReader` of the small chain."""

    def __init__(self, source: ModelSource) -> None:
        self._source = source

    def reset(self) -> None: ...

    async def fold(self, block: Block, payments: Sequence[ChainPayment]) -> None: ...

    async def read(
        self, block: Block, wallets: Wallets, tokens: Collection[str]
    ) -> Mapping[tuple[WalletKind, str], int]:
        return {
            (kind, token): sum(
                [await self._source.get_holding(each, token, block) for each in addresses]
            )
            for kind, addresses in wallets.items()
            for token in tokens
        }

    def find_wallets(self, view: LedgerView) -> Wallets:
        return {WalletKind.DEPOSIT: view.addresses.get(CHAIN, ())}

    def find_paid(self, view: LedgerView) -> Mapping[int, Paid]:
        del view
        return {
            each.transfer: Paid(COIN_ASSET, each.block.height, sum(each.sent.values()))
            for each in self._source.chain.blocks
            if each.transfer is not None
        }

    def knows_paid(self, height: int, sequence: int) -> bool:
        del height, sequence
        return True


class ReserveMachine(Machine):
    """An instance that hosts Deposit and Reserves."""

    world: "ReserveWorld"

    def start(self) -> None:
        assert isinstance(self.source, ModelSource)
        self.reserves: ReserveWatch | None = None
        super().start()
        self.reserves = ReserveWatch(
            CHAIN,
            self.source,
            ModelHoldings(self.source),
            make_signer(self.name),
            lambda: self.view,
            self._tell,
            lambda: None,
            lambda: self.view.close_time_ms / 1000,
        )
        self.hosted = ReservesService([self.reserves])

    def follow(self) -> None:
        for closed in self.world.network.closed[self.view.sequence :]:
            self.view.fold(closed.header.sequence, closed.header.close_time_ms, closed.body)
            self.signing.note_applied(self.view.applied)
            if self.reserves is not None:
                self.hosted.note_ledger(self.view)

    def look(self) -> None:
        super().look()
        assert self.reserves is not None
        try:
            while now(self.reserves.look()):
                pass
        except ChainUnavailable:
            pass

    def turn(self) -> list[Output]:
        intents = {**self.service.get_intents(self.view), **self.hosted.get_intents(self.view)}
        window = compute_window(self.view.close_time_ms)
        return self.signing.step(window, intents, self.view.get_signers())

    def _tell(self, asset: str, told: SignedReserveReport, facts: LedgerFacts | None) -> None:
        if facts is not None:
            self.world.leaves[asset] = facts.leaves
        for other in self.world.machines:
            if self.world.random.randrange(100) >= self.world.loss:
                self.world.reports.append((other, told))

    def find_report(self, asset: str) -> ReserveReport | None:
        """The newest that enough instances agree on."""
        assert self.reserves is not None
        return self.reserves.get_agreed(asset)


class ReserveWorld(World):
    """Every step takes ten seconds, so that every third ledger is reported on."""

    machines: list[ReserveMachine]  # type: ignore[assignment]

    def __init__(self, seed: int = 1) -> None:
        self.reports: list[tuple[ReserveMachine, SignedReserveReport]] = []
        self.leaves: dict[str, bytes] = {}
        self.agreed: set[ReserveReport] = set()
        super().__init__(seed, machine=ReserveMachine, interval_ms=10_000)

    def deliver(self) -> None:
        super().deliver()
        waiting, self.reports = self.reports, []
        self.random.shuffle(waiting)
        for machine, told in waiting:
            machine.hosted.take(told)
            for asset in ASSETS.values():
                agreed = machine.find_report(asset)
                if agreed is not None:
                    self.agreed.add(agreed)

    def settle(self, steps: int = 12) -> None:
        """Blocks on top, and time enough to report on what is final."""
        self.confirm(steps=steps)

    def get_report(self, asset: str = COIN_ASSET) -> ReserveReport:
        """What all agree on."""
        (report,) = {machine.find_report(asset) for machine in self.machines}
        assert report is not None
        return report


class ReserveSchedule(Schedule):
    """Whatever happens to deposits: no report finds anything missing, and in the end all agree."""

    world: ReserveWorld

    def __init__(self, seed: int, *, is_calm: bool = False) -> None:
        super().__init__(seed, is_calm=is_calm)
        self.world = ReserveWorld(seed)
        self.random = self.world.random
        self.is_lying = False

    def check(self) -> None:
        """Raises AssertionError where something does not hold."""
        super().check()
        self.world.run(12)
        assert not [each for each in self.world.agreed if each.missing or each.surplus]
        for asset in ASSETS.values():
            report = self.world.get_report(asset)
            assert report.issued == SumTree.make(self.world.leaves[asset]).root.sum

    def steal(self) -> int:
        """One unit of anything, from anywhere; how many steps it takes until instances agree that
        it is missing, counted from when its block is final."""
        chain = self.world.chain
        chain.mine(make_payment("the last", self.addresses[0], 1_000))
        held = [
            (address, token)
            for address in self.addresses
            for token in ASSETS
            if now(ModelSource(chain).get_holding(address, token, chain.blocks[-1].block))
        ]
        place = self.random.choice(held)
        chain.mine(sent={place: 1})
        for _ in range(chain.confirmations - 1):
            chain.mine()
        for step in range(1, STEPS_MAX):
            self.world.step()
            reports = [each.find_report(ASSETS[place[1]]) for each in self.world.machines]
            if all(each is not None and each.missing == 1 for each in reports):
                return step
        return STEPS_MAX

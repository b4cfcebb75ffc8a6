"""Schedules of anything that can happen to deposits, from a seed, and what must hold afterwards.

Blocks are mined and replaced, endpoints lag and fall silent, messages are lost and come twice,
instances lose everything, one of them lies. At the end all is healed, and every payment of the
final chain must be credited to its owner, once, or parked, and nothing else.
"""

from collections import Counter

from processors.psim.chains.source import COIN, ChainPayment
from processors.psim.deposit.rules import OPERATION, UNOWNED_MS
from processors.psim.intents import Intent
from processors.psim.signing.rules import Publish
from schemas.generated.common import Amount, Hash, Reference
from schemas.generated.operations import (
    CheckpointChain,
    CreateIssuanceRequest,
    IssuanceToAccount,
    ResumeChain,
)
from streams.ledger.references import DAY_MS
from streams.ledger.windows import compute_window
from tests.processors.psim.chain_model import make_payment
from tests.processors.psim.world import (
    CHAIN,
    COIN_ASSET,
    NAMES,
    SUSPENSE,
    TOKEN,
    TOKEN_ASSET,
    Machine,
    World,
)
from tests.support.network import get_account
from tests.support.requests import govern

PEOPLE = ("alice", "bob", "carol")
MINIMUM = 10
OTHER_TOKEN = "0xother"
AMOUNTS = (1, MINIMUM - 1, MINIMUM, 1_000, 2**64 + 7, 10**30)
KEPT = 10
ASSETS = {COIN: COIN_ASSET, TOKEN: TOKEN_ASSET}
WINDOWS_MAX = 24


class Schedule:
    """One run. `events`: what happened how often."""

    steps = 12

    def __init__(self, seed: int, *, is_calm: bool = False) -> None:
        """Calm: endpoints and messages are well, and who begins with nothing is compared."""
        self.world = World(seed)
        self.random = self.world.random
        self.is_calm = is_calm
        self.compared = 0
        self.events: Counter[str] = Counter()
        self.owners: dict[str, str] = {}
        self.is_lying = seed % 4 == 0
        self.transactions = 0

    def run(self) -> None:
        """Raises AssertionError where something does not hold."""
        world = self.world
        world.begin()
        self.owners = {world.bind(name): name for name in PEOPLE[:2]}
        pool = world.network.ledger.state.get_external_pool(CHAIN, 1)
        assert pool is not None
        assert pool.first is not None
        self.addresses = [*self.owners, pool.first]
        world.loss = 0 if self.is_calm else self.random.choice((0, 0, 20, 60))
        for _ in range(self.steps):
            self._happen()
            self._compare_with_nothing()
            world.step()
            self._compare_with_nothing()
        self._heal()
        self.check()

    def _happen(self) -> None:
        event = self.random.choice(
            (
                self._pay,
                self._pay,
                self._pay_a_token_that_keeps_a_part,
                self._mine,
                self._go_back,
                self._go_back,
                self._pass_a_window,
                self._bind_late,
                *(() if self.is_calm else (self._restart, self._lag, self._fall_silent)),
            )
        )
        self.events[event.__name__] += 1
        event()
        if self.is_lying and not self.is_calm:
            self._lie()

    def _pay(self) -> None:
        payments = []
        for _ in range(self.random.randrange(1, 4)):
            self.transactions += 1
            token = self.random.choice((COIN, COIN, COIN, TOKEN, OTHER_TOKEN))
            address = self.random.choice(self.addresses)
            for ordinal in range(self.random.choice((1, 1, 2))):
                amount = self.random.choice(AMOUNTS)
                name = f"tx{self.transactions}"
                payments.append(make_payment(name, address, amount, token, ordinal))
        self.world.chain.mine(*payments)

    def _pay_a_token_that_keeps_a_part(self) -> None:
        self.transactions += 1
        address = self.random.choice(self.addresses)
        payment = make_payment(f"tx{self.transactions}", address, 1_000, TOKEN)
        self.world.chain.mine(payment, kept=KEPT)

    def _mine(self) -> None:
        self.world.chain.mine()

    def _go_back(self) -> None:
        """Not behind a final block: what was in the blocks comes again, or does not."""
        chain = self.world.chain
        count = self.random.randrange(1, chain.confirmations)
        again = [each for each in chain.drop(count) if self.random.randrange(3)]
        for number in range(count + 1):
            chain.mine(*(again if number == count else ()))

    def _restart(self) -> None:
        for number in self.random.sample(range(3), self.random.choice((1, 1, 2, 3))):
            self.world.restart(number)

    def _lag(self) -> None:
        self.world.sources[self.random.choice(NAMES)].lag = self.random.randrange(3)

    def _fall_silent(self) -> None:
        source = self.world.sources[self.random.choice(NAMES)]
        source.is_away = not source.is_away

    def _pass_a_window(self) -> None:
        self.world.wait_a_window(self.random.choice((1, 1, 2)))

    def _bind_late(self) -> None:
        """Somebody takes the address that may have been paid to before."""
        if PEOPLE[2] not in self.owners.values():
            self.owners[self.world.bind(PEOPLE[2])] = PEOPLE[2]

    def _lie(self) -> None:
        """psim3 tells of a deposit that never was, and signs it."""
        world = self.world
        key = Hash(self.random.randbytes(32))
        close_time_ms = world.network.ledger.header.close_time_ms
        body = CreateIssuanceRequest(
            COIN_ASSET,
            Amount(666),
            IssuanceToAccount(get_account("bob")),
            b"",
            Reference(close_time_ms // DAY_MS, key.hex()),
            None,
        )
        liar = world.make_signing("psim3")
        intents = {key: Intent(key, OPERATION, (body,))}
        signers = world.machines[0].view.get_signers()
        for told in liar.step(compute_window(close_time_ms), intents, signers):
            if isinstance(told, Publish):
                for other in world.machines[:2]:
                    world.waiting += [(other, told.evidence), (other, told.signature)]  # type: ignore[list-item]

    def _compare_with_nothing(self) -> None:
        """An instance that has lost everything derives what one derives that never did."""
        world = self.world
        if not self.is_calm:
            return
        fresh = Machine(world, NAMES[0], world.sources[NAMES[0]])
        for each in (world.machines[0], fresh):
            each.follow()
            each.look()
        kept = world.machines[0].service.get_intents(world.machines[0].view)
        made = fresh.service.get_intents(fresh.view)
        assert made == kept, "who begins with nothing derives something else"
        self.compared += len(made)

    def _heal(self) -> None:
        """Endpoints, messages and processes are well, and windows pass."""
        world = self.world
        world.loss = 0
        for source in world.sources.values():
            source.lag, source.is_away = 0, False
        world.confirm(steps=2)
        for _ in range(WINDOWS_MAX):
            open_ = world.machines[0].watch.progress.open.values()
            if all(each.decision.intent is None for each in open_):
                return
            world.wait_a_window()
            world.step()

    def check(self) -> None:
        """What has an owner at once, what has none after a day."""
        self._compare(is_day_over=False)
        self.world.close(interval_ms=UNOWNED_MS + 7_200_000)
        self.world.run(3)
        self._compare(is_day_over=True)
        assert not self.world.machines[0].watch.progress.open

    def _compare(self, *, is_day_over: bool) -> None:
        expected = self._compute_expected(is_day_over=is_day_over)
        state = self.world.network.ledger.state
        for asset in ASSETS.values():
            for name in (*PEOPLE, SUSPENSE):
                found = self.world.get_amount(name, asset)
                assert found == expected[name, asset], f"{name} has {found} {asset}"
            supply = state.get_asset_supply(asset)
            parked = 0 if supply is None else supply.pending_issuance
            assert parked == expected["parked", asset], f"{parked} {asset} are parked"

    def _compute_expected(self, *, is_day_over: bool) -> Counter[tuple[str, str]]:
        """By a reading of the chain of its own."""
        found: Counter[tuple[str, str]] = Counter()
        for block in self.world.chain.blocks:
            for payment in block.payments:
                asset = ASSETS.get(payment.token)
                if asset is None:
                    continue
                arrived = payment.amount
                if payment.token == TOKEN:
                    arrived = arrived * (100 - block.kept) // 100
                if arrived >= (MINIMUM if payment.token == COIN else 1):
                    found[self._find_place(payment, arrived, is_day_over), asset] += arrived
        del found["nowhere", COIN_ASSET], found["nowhere", TOKEN_ASSET]
        return found

    def _find_place(self, payment: ChainPayment, arrived: int, is_day_over: bool) -> str:
        if arrived != payment.amount:
            return "parked"
        nobody = "parked" if is_day_over else "nowhere"
        return self.owners.get(payment.address, nobody)


class DeepSchedule(Schedule):
    """The same, and then a final block is replaced: the chain is halted, goes on when people say
    so, and what was mined again is not credited again."""

    steps = 4

    def run(self) -> None:
        super().run()
        world, chain = self.world, self.world.chain
        while chain.tip < 20:
            chain.mine()
        world.run(4)
        assert world.get_checkpoint().height > 0
        before = {name: world.get_amount(name) for name in (*PEOPLE, SUSPENSE)}
        depth = chain.tip - self.random.randrange(1, 6)
        blocks = chain.blocks[-depth:]
        chain.drop(depth)
        chain.mine(make_payment("instead", self.addresses[0], 5_000))
        for each in blocks:
            chain.mine(*each.payments, kept=each.kept)
        world.confirm(steps=4)
        assert world.get_checkpoint().evidence is not None, "the chain is not halted"
        assert world.get_amount("alice") == before["alice"]
        self._resume()
        chain.mine()
        world.confirm(steps=4)
        world.wait_a_window()
        world.run(3)
        after = {name: world.get_amount(name) for name in (*PEOPLE, SUSPENSE)}
        assert after == {**before, "alice": before["alice"] + 5_000}

    def _resume(self) -> None:
        self.world.close(("master", govern(CheckpointChain(CHAIN, ResumeChain()))))
        assert self.world.get_checkpoint().evidence is None

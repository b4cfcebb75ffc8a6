"""Schedules of anything that can happen to withdrawals, from a seed, and what must hold afterwards:
each is paid once by the chain and settled, or given back and never paid; nothing else left.

Instances lose everything at any label, endpoints fall silent, messages are lost, blocks are
replaced before they are final, recipients fail, tokens say no, coins are spent by somebody else,
one of the instances proposes what it should not, or signs garbage.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from processors.psim.chains.bitcoin_transfers import Output, make_payload, read_payload
from processors.psim.chains.ethereum_transfers import Call, write_payload
from processors.psim.chains.ethereum_transfers import read_payload as read_safe
from processors.psim.intents import Intent
from processors.psim.signing.rules import Publish, Signing
from processors.psim.transfers.proposals import make_key
from schemas.generated.entries import TransferState
from schemas.generated.operations import CreateExternalTransfer
from streams.ledger.windows import compute_window
from tests.processors.psim.money.ledger import (
    ASSETS,
    BITCOIN,
    HOT,
    NAMES,
    SOURCE,
    TOKEN,
    checksum,
)
from tests.processors.psim.money.world import World
from tests.processors.psim.world import make_signer
from tests.support.network import get_account

AMOUNTS = {"BTC": (1_000, 10**5, 3 * 10**7), "ETH": (1, 10**17), "USD": (1, 10**6)}
THIEF = b"\x00\x14" + b"\x66" * 20
HEAL_STEPS = 60


class Schedule:
    """One run. `label`: where all instances lose everything, once."""

    steps = 14

    def __init__(self, seed: int, label: str | None = None) -> None:
        self.world = World(seed)
        self.random = self.world.random
        self.is_lying = seed % 4 == 1
        self.world.garbage = NAMES[seed % 3] if seed % 4 == 2 else ""
        self.events: Counter[str] = Counter()
        self.crash_at = label
        self.before: dict[str, int] = {}
        self.cheats: set[str] = set()

    def run(self) -> None:
        """Raises AssertionError where something does not hold."""
        world = self.world
        for number in range(3):
            world.restart(number)  # with garbage, where there is some
        world.begin()
        self.before = {asset: world.get_person(asset)[0] for asset in ASSETS}
        world.loss = 0 if self.crash_at else self.random.choice((0, 0, 20, 50))
        world.label = self._reach
        self._ask()
        for _ in range(self.steps):
            self._happen()
            world.step()
            self._look_at_labels()
        self._heal()
        self.check()

    # What happens

    def _happen(self) -> None:
        event = self.random.choice(
            (
                self._ask,
                self._ask,
                self._mine,
                self._mine,
                self._mine,
                self._go_back,
                self._pass_time,
                self._fall_silent,
                self._steal,
                self._cheat,
                self._relay,
                *(() if self.crash_at else (self._restart, self._restart)),
            )
        )
        self.events[event.__name__] += 1
        event()
        if self.is_lying:
            self._lie()

    def _ask(self) -> None:
        asset = self.random.choice(("BTC", "BTC", "ETH", "USD"))
        self.world.ask(asset, self.random.choice(AMOUNTS[asset]) + len(self.world.asked))

    def _cheat(self) -> None:
        """A recipient that takes nothing, or for a while a token that moves nothing."""
        if self.random.randrange(2):
            asked = self.world.ask("ETH", 10**16 + len(self.world.asked))
            self.world.safes.failing.add(asked.to)
        else:
            lying = self.world.safes.lying
            (lying.discard if lying else lying.add)(checksum(TOKEN))

    def _relay(self) -> None:
        """Somebody sends once more what was public; a recipient may take it now."""
        safes = self.world.safes
        if self.random.randrange(2):
            safes.failing.clear()
        if safes.sent:
            safes.waiting.insert(0, self.random.choice(safes.sent[-3:]))

    def _mine(self) -> None:
        self.world.coins.mine(is_full=self.random.randrange(4) == 0)
        self.world.safes.mine(is_full=self.random.randrange(4) == 0)

    def _go_back(self) -> None:
        """Not behind a final block; what was in the blocks waits again, or is forgotten."""
        coins, safes = self.world.coins, self.world.safes
        count = self.random.randrange(1, 3)
        coins.drop(count)
        if self.random.randrange(2):
            coins.waiting.clear()
        safes.drop(count)
        for _ in range(count + 1):
            coins.mine(is_full=bool(self.random.randrange(2)))
            safes.mine(is_full=True)

    def _pass_time(self) -> None:
        self.world.close(interval_ms=self.random.choice((61_000, 1_300_000)))

    def _fall_silent(self) -> None:
        name = self.random.choice(NAMES)
        is_away = not self.world.coin_endpoints[name].is_away
        self.world.coin_endpoints[name].is_away = is_away
        self.world.safe_endpoints[name].is_away = is_away

    def _restart(self) -> None:
        for number in self.random.sample(range(3), self.random.choice((1, 1, 2, 3))):
            self.world.restart(number)

    def _steal(self) -> None:
        """Of a coin that is being spent, now and then."""
        waiting = self.world.coins.waiting
        if waiting and self.random.randrange(3) == 0:
            self.world.coins.steal(waiting[0].inputs[0], THIEF)

    def _lie(self) -> None:
        """psim3 proposes what pays a thief, and signs it."""
        for machine in self.world.machines:
            machine.follow()
            service, _ = machine.services[0]
            for intent in service.get_intents(machine.view).values():
                for body in intent.bodies:
                    if isinstance(body, CreateExternalTransfer) and body.parent is None:
                        self._tell(poison(body, self.random.randrange(4)))

    def _tell(self, op: CreateExternalTransfer) -> None:
        world, key = self.world, make_signer("psim3")
        liar = Signing(
            "withdraw",
            *(world.network.network_id, get_account(SOURCE), key.public_key, key.sign),
        )
        window = compute_window(world.network.ledger.header.close_time_ms)
        name = make_key(op)
        intents = {name: Intent(name, "create_external_transfer", (op,))}
        for told in liar.step(window, intents, world.machines[0].view.get_signers()):
            if isinstance(told, Publish):
                for other in world.machines[:2]:
                    records: Any = (told.evidence, told.signature)
                    world.waiting += [(other, each) for each in records]

    # Where everything is lost

    def _reach(self, label: str) -> None:
        if label == self.crash_at:
            self._lose_everything()

    def _look_at_labels(self) -> None:
        is_reached = LABELS.get(self.crash_at or "")
        if is_reached is not None and is_reached(self.world):
            self._lose_everything()

    def _lose_everything(self) -> None:
        self.crash_at = None
        self.events["lost everything"] += 1
        for number in range(3):
            self.world.restart(number)

    # The end

    def _heal(self) -> None:
        world = self.world
        world.loss = 0
        world.safes.lying.clear()
        for name in NAMES:
            world.coin_endpoints[name].is_away = world.safe_endpoints[name].is_away = False
        for number in range(HEAL_STEPS):
            if not world.get_transfers() and not self._is_locked():
                return
            world.mine()
            world.step()
            self._look_at_labels()
            if number % 8 == 7:
                world.wait_a_window()

    def _is_locked(self) -> bool:
        return any(self.world.get_person(asset)[1] for asset in ASSETS)

    def check(self) -> None:
        world = self.world
        states = [(e.transfer_id, e.purpose.name, e.state.name) for e in world.get_transfers()]
        assert not states, f"open for ever: {states}"
        paid: Counter[str] = Counter()
        for each in world.asked:
            times = world.count_payouts(each)
            assert times <= 1, f"{each.asset} {each.amount} was paid {times} times"
            paid[each.asset] += times * each.amount
        for asset, before in self.before.items():
            available, locked = world.get_person(asset)
            assert locked == 0, f"{locked} {asset} are locked for ever"
            assert available == before - paid[asset], (
                f"{asset}: {available} left of {before}, {paid[asset]} paid by the chain"
            )
        stolen = [o for _, txs in world.coins.blocks for t in txs for o in t.outputs if t.fee]
        assert all(each.script != THIEF for each in stolen), "a proposal paid a thief"
        self._check_fees()

    def _check_fees(self) -> None:
        """What the chain charged is what the ledger says it did: each by its settlement."""
        mined = [each for _, block in self.world.coins.blocks for each in block]
        charged = sum(each.fee for each in mined if each.inputs)
        state = self.world.network.ledger.state
        owed = sum(
            int(getattr(state.get(key), "amount", 0))
            for key in state.encoded
            if type(state.get(key)).__name__ == "NetworkFeeDebt"
        )
        assert owed == charged, f"the ledger owes {owed} for fees of {charged}"


class FailingSchedule(Schedule):
    """Recipients that fail and recover, transactions that somebody else sends once more."""

    steps = 24

    def _happen(self) -> None:
        event = self.random.choice((self._mine, self._pass_time, self._fail, self._recover))
        self.events[event.__name__] += 1
        event()

    def _pass_time(self) -> None:
        self.world.close(interval_ms=61_000)

    def _fail(self) -> None:
        asked = self.world.ask("ETH", 10**16 + len(self.world.asked))
        self.world.safes.failing.add(asked.to)

    def _recover(self) -> None:
        """And what was sent before is there again, before anything newer."""
        safes = self.world.safes
        safes.failing.clear()
        safes.waiting[:0] = safes.sent


def poison(op: CreateExternalTransfer, kind: int) -> CreateExternalTransfer:
    """Another recipient; another amount; change to a thief; a fee that is much too high."""
    if op.chain_id != BITCOIN:
        made = read_safe(op.payload)
        call = Call("0x" + "66" * 20, made.call.wei + kind, made.call.data)
        return replace(op, payload=write_payload(made._replace(call=call)))
    read = read_payload(op.payload)
    outputs, at = list(read.outputs), 0 if kind < 2 else -1
    script, satoshis = outputs[at]
    changed = (
        Output(THIEF, satoshis),
        Output(script, satoshis - 1),
        Output(THIEF, satoshis),
        Output(script, satoshis // 2),
    )
    outputs[at] = changed[kind]
    return replace(op, payload=make_payload(read.inputs, outputs, read.lock_height))


def _is_any(world: World, is_true: Callable[[Any], bool]) -> bool:
    return any(is_true(each) for each in world.get_transfers())


def _count_signatures(world: World) -> int:
    state = world.network.ledger.state
    return sum(type(state.get(key)).__name__ == "TransferSignature" for key in state.encoded)


def _is_settled(world: World) -> bool:
    return _is_any(world, lambda each: each.state is TransferState.SETTLED)


LABELS: Mapping[str, Callable[[World], bool] | None] = {
    "looked": None,  # told by the world, inside of a step
    "derived": None,
    "agreed": None,
    "committed": lambda world: bool(world.get_transfers()),
    "one signature": lambda world: _count_signatures(world) >= 1,
    "enough signatures": lambda world: _count_signatures(world) >= 2,
    "confirmed": lambda world: _is_any(world, lambda e: bool(e.versions[0].confirmed)),
    "sent": lambda world: bool(world.coins.waiting or world.safes.waiting),
    "mined": lambda world: any(map(world.count_payouts, world.asked)),
    "final": lambda world: any(
        each.nonces[checksum(HOT)] for each in world.safes.blocks[: world.safes.final + 1]
    ),
    "settled": _is_settled,
    "closed": lambda world: (
        any(each.asset == "BTC" and world.count_payouts(each) for each in world.asked)
        and not world.get_transfers()
    ),
}
"""The twelve points at which an instance may die."""

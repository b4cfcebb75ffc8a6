"""Price scenarios from a seed: what providers do in one slot, and what may come of it.

In every fourth world all that psim3 hears is false.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable
from fractions import Fraction

import pytest

from processors.psim.rates.numbers import NoPrice
from processors.psim.rates.service import RatesService
from tests.processors.psim.rates.world import (
    BAND,
    FRESH_S,
    NOISE,
    PROVIDERS,
    ROUNDS_TO_JUMP,
    TRUTH,
    Machine,
    World,
)
from tests.processors.psim.world import NAMES

MINUTE_MS = 60_000
LIES = ("swapped", "thousandfold", "tenfold", "beside", "frozen", "silent", "ahead")


def is_steady(levels: Collection[Fraction | None], price: Fraction) -> bool:
    """Whether an instance has seen about this price in so many slots, one after the other. The
    truth may be another one by now: what providers say is some slots old."""
    near = [each for each in levels if each is not None and abs(each - price) <= 2 * BAND * price]
    return len(near) == ROUNDS_TO_JUMP


class Scenarios:
    """Many slots of one world. `events`: what happened how often."""

    def __init__(self, seed: int, service_type: type[RatesService] = RatesService) -> None:
        self.world = World(seed, service_type)
        self.random = self.world.random
        self.truth = Fraction(TRUTH)
        self.events: Counter[str] = Counter()
        self.heard: dict[str, dict[str, tuple[Fraction, int, int]]] = {}
        self.lies: dict[str, str] = {}
        self.levels: dict[str, deque[Fraction | None]] = {}

    def run(self, slots: int) -> Counter[str]:
        """Raises AssertionError where a price was published that must not be."""
        self.world.set_first()
        for _ in range(slots):
            self._happen()
        return self.events

    def _happen(self) -> None:
        world, random = self.world, self.random
        self._move()
        lies = self._choose_lies()
        liars = {name for name, lie in lies.items() if lie != "silent"}
        for machine in world.machines:
            machine.is_down = random.randrange(20) == 0
            self._hear(machine, lies)
        before = world.get_pair()
        expected = {each.name: self._compute_own(each) for each in world.machines}
        for machine in world.machines:
            known = self.levels.setdefault(machine.name, deque(maxlen=ROUNDS_TO_JUMP))
            known.append(None if machine.is_down else expected[machine.name])
        up = [each for each in world.machines if not each.is_down]
        world.run_slot()
        after, price = world.get_pair(), world.get_price()
        if after.round == before.round:
            self.events["held"] += 1
            return
        self.events["published"] += 1
        assert after.round == before.round + 1
        backing = [
            own for each in up if (own := expected[each.name]) is not None
            if abs(price - own) <= BAND * own
        ]  # fmt: skip
        assert len(backing) >= 2, f"published {float(price)}, backed by {len(backing)}"
        if len(liars) <= len(PROVIDERS) - 3:
            assert abs(price - self.truth) <= (BAND + NOISE) * self.truth * 2, "it is not true"
        jump = abs(price - Fraction(before.price.numerator, before.price.denominator))
        if jump * 10 > Fraction(before.price.numerator, before.price.denominator):
            self.events["jumped"] += 1
            steady = [each for each in self.levels.values() if is_steady(each, price)]
            assert len(steady) >= 2, "a jump was accepted at once"

    def _move(self) -> None:
        """Now and then a jump beyond the step, which lasts."""
        if self.random.randrange(30) == 0:
            self.truth = self.truth * self.random.choice((70, 85, 120, 140)) / 100
            self.truth = Fraction(max(int(self.truth), 1_000))
            self.events["jumps"] += 1
        else:
            self.truth += int(self.truth * self.random.randrange(-4, 5) / 2_000)

    def _choose_lies(self) -> dict[str, str]:
        """Mostly of few; sometimes of most. They may go on for a while."""
        if self.lies and self.random.randrange(10) < 7:
            return self.lies
        count = self.random.choice((0, 0, 0, 1, 1, 2, 2, 3, 5))
        chosen = self.random.sample(PROVIDERS, count)
        kinds = LIES if self.random.randrange(4) else ("frozen",)
        self.lies = {name: self.random.choice(kinds) for name in chosen}
        return self.lies

    def _hear(self, machine: Machine, lies: dict[str, str]) -> None:
        at_ms = self.world.at_ms
        heard = self.heard.setdefault(machine.name, {})
        astray = Fraction(1)
        if machine.name == NAMES[2] and self.world.seed % 4 == 1:
            astray = self.random.choice((Fraction(1, 2), Fraction(97, 100), Fraction(10)))
        for name in PROVIDERS:
            noise = Fraction(self.random.randrange(-10, 11), 10) * NOISE
            price, time_ms = self.truth * (1 + noise), at_ms - self.random.randrange(3_000)
            lie = lies.get(name)
            if lie == "silent":
                continue
            if lie == "frozen":
                known = heard.get(name)
                if known is not None:
                    price, time_ms = known[0], known[1]
                else:
                    time_ms = at_ms - 10 * MINUTE_MS
            elif lie == "ahead":
                time_ms = at_ms + 10 * MINUTE_MS
            elif lie is not None:
                price = self._lie(lie, price)
            if lie == "ahead":
                with pytest.raises(NoPrice):
                    machine.hear(name, price, time_ms)
                continue
            price = Fraction(round(price * astray * 10**6), 10**6)
            machine.hear(name, price, time_ms)
            self._note(heard, name, price, time_ms)

    def _note(
        self, heard: dict[str, tuple[Fraction, int, int]], name: str, price: Fraction,
        time_ms: int,
    ) -> None:  # fmt: skip
        """The newest time that was ever told, and when it was told first."""
        known = heard.get(name)
        if known is not None and time_ms <= known[1]:
            heard[name] = (price, known[1], known[2])
        else:
            heard[name] = (price, time_ms, self.world.at_ms)

    def _lie(self, lie: str, price: Fraction) -> Fraction:
        factor = {
            "swapped": 1 / (price * price),
            "thousandfold": Fraction(1_000),
            "tenfold": Fraction(1, 10),
            "beside": Fraction(103 + self.random.randrange(3), 100),
        }
        return price * factor[lie]

    def _compute_own(self, machine: Machine) -> Fraction | None:
        """By another reading of the rules: sort, take the middle, count."""
        fresh = sorted(self._find_fresh(self.heard[machine.name].values()))
        if not fresh:
            return None
        middle = fresh[(len(fresh) - 1) // 2]
        near = [each for each in fresh if middle * (1 - BAND) <= each <= middle * (1 + BAND)]
        if len(near) < 3 or len(near) * 2 <= len(fresh):
            return None
        return near[(len(near) - 1) // 2]

    def _find_fresh(self, heard: Iterable[tuple[Fraction, int, int]]) -> list[Fraction]:
        oldest = self.world.at_ms - FRESH_S * 1_000
        return [
            price for price, time_ms, first_ms in heard if first_ms >= oldest and time_ms >= oldest
        ]

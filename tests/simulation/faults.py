"""What goes wrong in a run, by its seed: weather, cuts, kills, clocks. Then all is mended."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.simulation.network import Link, Weather
from tests.simulation.world import World

STEP_MS = 400  # how often something may change


@dataclass(slots=True, frozen=True)
class Plan:
    """One run."""

    seed: int
    validators: int = 4
    chaos_ms: int = 12_000
    offers_per_step: int = 6
    has_twins: bool = False  # one validator runs twice, with the same key: it may say two things
    skew_max_ms: int = 0


class Faults:
    """Draws, every step, what happens next."""

    def __init__(self, world: World, plan: Plan) -> None:
        self.world = world
        self.random = world.random
        self.plan = plan
        self.is_over = False
        self._flaps: set[Link] = set()

    def begin(self) -> None:
        world, draw = self.world, self.random
        world.skews_ms = [draw.randint(-800, 800) for _ in world.nodes]
        if self.plan.skew_max_ms:
            far = draw.choice((-1, 1)) * self.plan.skew_max_ms
            world.skews_ms[draw.randrange(len(world.nodes))] = far
        world.readers = [draw.random() < 0.8 for _ in world.nodes]
        world.readers[draw.randrange(len(world.nodes))] = True
        self._change_weather()
        for node in world.nodes:
            world.start(node)
        world.schedule(STEP_MS, self._step)

    def end(self) -> None:
        """Mends everything and starts whoever is down."""
        world = self.world
        self.is_over = True
        world.outputs_left.clear()
        world.links.weather = Weather()
        world.set_cut(set())
        world.readers = [True] * len(world.nodes)
        for node in world.nodes:
            world.start(node)

    def _step(self) -> None:
        if self.is_over:
            return
        for _ in range(self.random.randint(0, 2 * self.plan.offers_per_step)):
            self.world.offer()
        choices: tuple[tuple[Callable[[], None], int], ...] = (
            (self._do_nothing, 40),
            (self._change_weather, 10),
            (self._cut, 12),
            (self._mend, 15),
            (self._flap, 4),
            (self._kill_soon, 14),
            (self._kill_many, 2),
        )
        self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]()
        self.world.schedule(STEP_MS, self._step)

    def _do_nothing(self) -> None:
        """Most of the time."""

    def _change_weather(self) -> None:
        draw = self.random
        self.world.links.weather = Weather(
            delay_min_ms=1,
            delay_max_ms=draw.choice((5, 30, 100, 400)),
            loss=draw.choice((0.0, 0.0, 0.05, 0.15, 0.3)),
            duplication=draw.choice((0.0, 0.1)),
            corruption=draw.choice((0.0, 0.0, 0.01, 0.05)),
        )

    def _cut(self) -> None:
        """A group apart from the others: a half, a minority, one that only hears or only speaks."""
        count = len(self.world.nodes)
        size = self.random.choice((1, 1, 2, count // 2))
        group = set(self.random.sample(range(count), size))
        out = {(a, b) for a in group for b in range(count) if b not in group}
        into = {(b, a) for a, b in out}
        self.world.set_cut(self.random.choice((out | into, out | into, out, into)))

    def _mend(self) -> None:
        self.world.set_cut(set())

    def _flap(self) -> None:
        """One node's links come and go every second."""
        node = self.random.randrange(len(self.world.nodes))
        others = [other for other in range(len(self.world.nodes)) if other != node]
        links = {(node, o) for o in others} | {(o, node) for o in others}

        def change(left: int) -> None:
            if self.is_over or not left:
                return
            self.world.set_cut(set() if self.world.links.cut else links)
            self.world.schedule(1_000, lambda: change(left - 1))

        change(6)

    def _kill_soon(self) -> None:
        """Before one of its next outputs, whichever that is; started again after a while."""
        node = self.random.choice(self.world.nodes)
        if node.herder is None:
            return
        self.world.outputs_left[node.index] = self.random.randint(0, 40)
        self.world.schedule(self.random.randint(500, 5_000), lambda: self.world.start(node))

    def _kill_many(self) -> None:
        """All at one moment, as when the power fails."""
        for node in self.world.nodes:
            if node.herder is not None:
                node.crash()
            pause_ms = self.random.randint(100, 3_000)
            self.world.schedule(pause_ms, lambda node=node: self.world.start(node))  # type: ignore[misc]

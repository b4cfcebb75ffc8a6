"""What goes wrong in a run, by its seed: weather, cuts, kills, clocks, disks, archives, lies. Then
all is mended, but for those who lie."""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.codec import encode
from schemas.generated.common import U64
from schemas.generated.consensus import (
    IntervalsUpgrade,
    SetLimitsUpgrade,
    TimeoutsUpgrade,
    Upgrade,
    VersionUpgrade,
)
from streams.herder.votes import Vote
from tests.simulation.beginning import FLAT_4, VALIDATORS
from tests.simulation.network import Link, Weather
from tests.simulation.node import NEWEST_RELEASE, Node
from tests.simulation.world import World

STEP_MS = 400  # how often something may change


@dataclass(slots=True, frozen=True)
class Plan:
    """One run. No more validators lie, or lose their memory, than the quorum set bears."""

    seed: int
    topology: str = FLAT_4
    ledgers: int = 8  # so many at least are closed while things go wrong
    offers_per_step: int = 6
    has_twins: bool = False  # one validator runs twice, with the same key: it may say two things
    liars: tuple[str, ...] = ()  # how the last validators lie
    is_wiped: bool = False  # the first validator loses its disk, or bits of it, again and again
    watchers: int = 0  # nodes that are no validators
    is_slow: bool = False  # one node at a time
    votes: bool = False  # operators vote for changes
    is_mixed: bool = False  # releases that know newer rules, and older ones, which are renewed
    skew_max_ms: int = 0

    @property
    def validators(self) -> int:
        return VALIDATORS[self.topology]


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
        if self.plan.is_mixed:
            world.is_mixed = True
            for node in draw.sample(world.nodes, len(world.nodes) - 1):
                node.release = NEWEST_RELEASE
            world.schedule(STEP_MS, self._vote_for_version)
        for behaviour, node in zip(self.plan.liars, self._get_liars(), strict=True):
            world.make_liar(node, behaviour)
        for node in world.nodes:
            world.start(node)
        world.schedule(STEP_MS, self._step)

    def end(self) -> None:
        """Mends everything and starts whoever is down."""
        world = self.world
        self.is_over = True
        world.outputs_left.clear()
        world.slow = None
        for bucket in world.buckets:
            bucket.is_away, bucket.writes_left = False, None
        world.links.weather = Weather()
        world.set_cut(set())
        world.readers = [True] * len(world.nodes)
        for node in world.nodes:
            if world.is_mixed and node.release != NEWEST_RELEASE:
                self._renew(node)
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
            (self._take_archive_away, 4),
            (self._kill_archiving, 6),
            (self._damage_archive, 2),
            (self._jump_clock, 3),
            (self._change_slow, 8 if self.plan.is_slow else 0),
            (self._lose_disk, 4 if self.plan.is_wiped else 0),
            (self._damage_disk, 4 if self.plan.is_wiped else 0),
            (self._vote, 8 if self.plan.votes else 0),
            (self._vote_for_version, 20 if self.plan.is_mixed else 0),
            (self._renew_one, 1 if self.plan.is_mixed else 0),
        )
        self.random.choices([c for c, _ in choices], [w for _, w in choices])[0]()
        self.world.schedule(STEP_MS, self._step)

    def _get_liars(self) -> list[Node]:
        count = self.plan.validators
        return self.world.nodes[count - len(self.plan.liars) : count]

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

    def _take_archive_away(self) -> None:
        """One archive does not answer, for a while."""
        bucket = self.random.choice(self.world.buckets)
        if not bucket.is_away:
            self.world.count("archive away")
            bucket.is_away = True

            def come_back() -> None:
                bucket.is_away = False

            self.world.schedule(self.random.randint(500, 6_000), come_back)

    def _kill_archiving(self) -> None:
        """The process beside a node dies at one of its next writes."""
        self.random.choice(self.world.buckets).writes_left = self.random.randint(0, 6)

    def _damage_archive(self) -> None:
        """Always the same one's: what all have lost nobody can read."""
        if self.world.buckets[0].damage(self.random):
            self.world.count("archive damaged")

    def _jump_clock(self) -> None:
        self.world.count("clock jumped")
        node = self.random.randrange(len(self.world.nodes))
        self.world.skews_ms[node] = self.random.randint(-3_000, 3_000)

    def _change_slow(self) -> None:
        self.world.slow = self.random.choice((None, self.random.randrange(len(self.world.nodes))))

    def _lose_disk(self) -> None:
        node = self.world.nodes[0]
        self.world.wipe(node)
        self.world.schedule(self.random.randint(100, 3_000), lambda: self.world.start(node))

    def _damage_disk(self) -> None:
        """While the node is down, of which it learns when it is started."""
        node = self.world.nodes[0]
        if node.herder is not None:
            node.crash()
        self.world.count("disk damaged")
        node.disk.damage(self.random)
        self.world.schedule(self.random.randint(100, 3_000), lambda: self.world.start(node))

    def _vote(self) -> None:
        """A few operators, or all of them, for the same change."""
        interval_ms = U64(self.random.choice((200, 300, 400)))
        change = self.random.choice(
            (
                IntervalsUpgrade(interval_ms, U64(5_000)),
                TimeoutsUpgrade(U64(self.random.choice((500, 800))), U64(500)),
                SetLimitsUpgrade(self.random.choice((5, 50, 4_000)), 2_000_000),
            )
        )
        vote = Vote(encode(Upgrade(change)), 0, 0, 1 << 60)
        count = self.random.choice((1, 2, len(self.world.nodes)))
        for node in self.random.sample(self.world.nodes, count):
            if node.herder is not None:
                self.world.count("votes")
                node.vote(vote)

    def _vote_for_version(self) -> None:
        """Every operator whose release knows it."""
        vote = Vote(encode(Upgrade(VersionUpgrade(NEWEST_RELEASE))), 0, 0, 1 << 60)
        for node in self.world.nodes:
            if node.herder is not None and node.release == NEWEST_RELEASE:
                self.world.count("votes")
                node.vote(vote)

    def _renew_one(self) -> None:
        """Once somebody has the new rules: until then nothing tells an older release apart."""
        states = [n.herder.ledger.state for n in self.world.nodes if n.herder is not None]
        if all(s.get_network_settings().ledger_version < NEWEST_RELEASE for s in states):
            return
        old = [node for node in self.world.nodes if node.release != NEWEST_RELEASE]
        if old:
            node = self.random.choice(old)
            self._renew(node)
            self.world.schedule(self.random.randint(100, 3_000), lambda: self.world.start(node))

    def _renew(self, node: Node) -> None:
        """Its process ends, and is of the newest release when it is started."""
        if node.herder is not None:
            node.crash()
        node.release = NEWEST_RELEASE
        self.world.count("renewed")

"""The simulated network between nodes: delay, loss, duplicates, reordering, corruption, cuts.

Every choice is drawn from the one seeded generator of the run. It delivers bytes' worth: a message
is either the very one that was sent or one that its corrupted bytes still decode to.
"""

from dataclasses import dataclass, field
from random import Random

from schemas.codec import Malformed, decode, encode
from schemas.generated.overlay import Message

Link = tuple[int, int]  # from, to


@dataclass(slots=True)
class Weather:
    """How bad the links are."""

    delay_min_ms: int = 1
    delay_max_ms: int = 20
    loss: float = 0.0
    duplication: float = 0.0
    corruption: float = 0.0


@dataclass(slots=True)
class Delivery:
    delay_ms: int
    message: Message


@dataclass
class Links:
    """All links of one run. `cut` are those that carry nothing now."""

    random: Random
    weather: Weather = field(default_factory=Weather)
    cut: set[Link] = field(default_factory=set)
    counts: dict[str, int] = field(default_factory=dict)

    def carry(self, sender: int, receiver: int, message: Message) -> list[Delivery]:
        """When and as what a message arrives: not at all, once, or several times."""
        if (sender, receiver) in self.cut:
            self._count("cut")
            return []
        if self._happens("lost", self.weather.loss):
            return []
        copies = 2 if self._happens("duplicated", self.weather.duplication) else 1
        deliveries = []
        for _ in range(copies):
            delay_ms = self.random.randint(self.weather.delay_min_ms, self.weather.delay_max_ms)
            arriving: Message | None = message
            if self._happens("corrupted", self.weather.corruption):
                arriving = self._corrupt(message)
            if arriving is not None:
                deliveries.append(Delivery(delay_ms, arriving))
        return deliveries

    def _corrupt(self, message: Message) -> Message | None:
        raw = bytearray(encode(message))
        raw[self.random.randrange(len(raw))] ^= 1 << self.random.randrange(8)
        try:
            return decode(Message, bytes(raw))
        except Malformed:
            return None

    def _happens(self, what: str, probability: float) -> bool:
        if probability == 0 or self.random.random() >= probability:
            return False
        self._count(what)
        return True

    def _count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1

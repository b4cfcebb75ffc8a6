"""What the tests of the consensus library share: an application of a few values, short names."""

from collections.abc import Iterable
from itertools import count

from schemas.generated.common import PublicKey
from schemas.generated.consensus import QuorumSet
from streams.consensus.application import Timeouts, Validation
from streams.consensus.leaders import VALUE, compute_hash, compute_leaders, compute_seed

EMPTY = b"\x00empty of "


def node(name: str) -> PublicKey:
    return PublicKey(name.encode().ljust(32))


def quorum_set(threshold: int, *entries: str | QuorumSet) -> QuorumSet:
    """A set of the nodes named and the inner sets given."""
    validators = tuple(node(entry) for entry in entries if isinstance(entry, str))
    inner = tuple(entry for entry in entries if isinstance(entry, QuorumSet))
    return QuorumSet(threshold, validators, inner)


class ValueTable:
    """An application that knows its values by table; all others are fully valid."""

    def __init__(self) -> None:
        self.levels: dict[bytes, Validation] = {}
        self.nomination_levels: dict[bytes, Validation] = {}
        self.extracts: dict[bytes, bytes] = {}
        self.given_up: set[bytes] = set()
        self.composite: bytes | None = None
        self.timeouts = Timeouts(500, 500, 500, 500)

    def validate_value(self, slot: int, value: bytes, is_nomination: bool) -> Validation:
        if is_nomination and value in self.nomination_levels:
            return self.nomination_levels[value]
        return self.levels.get(value, Validation.FULLY_VALID)

    def extract_valid_value(self, slot: int, value: bytes) -> bytes | None:
        return self.extracts.get(value)

    def combine_candidates(self, slot: int, candidates: tuple[bytes, ...]) -> bytes:
        return max(candidates) if self.composite is None else self.composite

    def is_given_up(self, slot: int, value: bytes) -> bool:
        return value in self.given_up

    def derive_empty_value(self, slot: int, value: bytes) -> bytes:
        return EMPTY + value

    def get_timeouts(self, slot: int) -> Timeouts:
        return self.timeouts


def find_previous_value(
    slot: int,
    weights: tuple[tuple[PublicKey, int], ...],
    leaders: list[PublicKey],
    values: Iterable[bytes] = (),
) -> bytes:
    """A previous value after which these nodes, in this order, lead the slot's first rounds, and
    the values have descending hashes in each of them."""
    for attempt in count():
        previous = b"previous %d" % attempt
        seed = compute_seed(slot, previous)
        if all(
            compute_leaders(seed, number, weights) == (leader,)
            and _is_descending(seed, number, values)
            for number, leader in enumerate(leaders, 1)
        ):
            return previous
    raise AssertionError("count() does not end")


def _is_descending(seed: bytes, number: int, values: Iterable[bytes]) -> bool:
    hashes = [compute_hash(seed, VALUE, number, value) for value in values]
    return hashes == sorted(hashes, reverse=True)

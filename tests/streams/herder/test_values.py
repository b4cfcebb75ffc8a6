"""How values are judged: by the ledger before them, by time, by their sets."""

import pytest
from msgspec.structs import replace

from schemas.codec import encode
from schemas.generated.common import Hash
from schemas.generated.consensus import ScpValue
from schemas.generated.overlay import TransactionSet
from streams.consensus.application import Validation
from streams.herder.queue import TransactionQueue
from streams.herder.transaction_sets import TransactionSets
from streams.herder.values import Values, decode_value
from streams.herder.votes import Votes
from streams.ledger.hashes import ZERO_HASH, compute_set_hash
from tests.support.network import Network, make_economy, pay

SLOT = 6


class World:
    """A ledger, the sets that are here, and the judge."""

    def __init__(self) -> None:
        self.network: Network = make_economy()
        self.sets = TransactionSets(frozenset())
        self.queue = TransactionQueue(100)
        self.values = Values(self.network.ledger, self.sets, Votes())
        self.values.now_ms = self.network.ledger.header.close_time_ms + 1_000

    def make(self, set_hash: Hash = ZERO_HASH, after_ms: int = 1_000) -> ScpValue:
        ledger = self.network.ledger
        return ScpValue(ledger.header_hash, set_hash, ledger.header.close_time_ms + after_ms, ())

    def add_set(self, amount: int, is_known: bool = True) -> Hash:
        """A set of one payment; -1: of one that may not be in a set."""
        source = "alice" if amount > 0 else "nobody"
        body = pay(self.network, "alice", "bob", "EUR", 1)
        candidate = self.network.prepare(source, body)
        if is_known:
            assert self.queue.add(candidate) is None
        message = TransactionSet(self.network.ledger.header_hash, (candidate.envelope_hash,))
        assert self.sets.add(SLOT, message, self.queue) is not None
        return compute_set_hash(message.previous_header_hash, message.envelope_hashes)

    def judge(self, value: ScpValue, is_nomination: bool = False, slot: int = SLOT) -> Validation:
        return self.values.validate_value(slot, encode(value), is_nomination)


def test_the_empty_value_and_one_whose_set_is_here_are_fully_valid() -> None:
    world = World()
    for set_hash in (ZERO_HASH, world.add_set(1)):
        for is_nomination in (False, True):
            judged = world.judge(world.make(set_hash), is_nomination)
            assert judged is Validation.FULLY_VALID


def test_a_set_that_is_not_here_or_not_whole_may_be_prepared() -> None:
    world = World()
    for set_hash in (Hash(b"\x01" * 32), world.add_set(1, is_known=False)):
        assert world.judge(world.make(set_hash)) is Validation.STRUCTURALLY_VALID
        assert not world.values.is_given_up(SLOT, encode(world.make(set_hash)))


def test_a_set_that_breaks_the_rules_is_given_up_at_once() -> None:
    world = World()
    value = world.make(world.add_set(-1))
    assert world.judge(value) is Validation.STRUCTURALLY_VALID
    assert world.values.is_given_up(SLOT, encode(value))


def test_a_set_is_judged_at_the_time_of_its_value() -> None:
    world = World()
    set_hash = world.add_set(1)
    assert world.judge(world.make(set_hash, after_ms=60_000)) is Validation.FULLY_VALID
    assert world.judge(world.make(set_hash, after_ms=60_001)) is Validation.STRUCTURALLY_VALID


@pytest.mark.parametrize(
    "changes",
    [
        {"previous_header_hash": ZERO_HASH},
        {"close_time_ms": 1},
        {"upgrades": (b"more money",)},
    ],
    ids=str,
)
def test_what_builds_on_something_else_is_invalid(changes: dict[str, object]) -> None:
    world = World()
    value = replace(world.make(), **changes)
    assert world.judge(value) is Validation.INVALID


def test_bytes_that_are_no_value_are_invalid() -> None:
    world = World()
    for raw in (b"", encode(world.make()) + b"\x00", b"\xff" * 80):
        assert decode_value(raw) is None
        assert world.values.validate_value(SLOT, raw, False) is Validation.INVALID


def test_other_slots_are_followed_in_silence() -> None:
    world = World()
    for slot in (SLOT - 1, SLOT + 1):
        assert world.judge(world.make(), slot=slot) is Validation.MAYBE_VALID


@pytest.mark.parametrize(
    ("after_ms", "clock_ms", "is_timely"),
    [
        (200, 200, True),
        (199, 200, False),
        (6_000, 1_000, True),
        (6_001, 1_000, False),
        (200, -60_000, True),  # a clock far behind: the earliest is always taken
        (201, -60_000, False),
        (200, 60_000, True),  # a late proposal is no reason to wait
    ],
)
def test_nomination_takes_only_timely_values(after_ms: int, clock_ms: int, is_timely: bool) -> None:
    world = World()
    world.values.now_ms = world.network.ledger.header.close_time_ms + clock_ms
    value = world.make(after_ms=after_ms)
    judged = world.judge(value, is_nomination=True)
    assert judged is (Validation.FULLY_VALID if is_timely else Validation.INVALID)
    assert world.judge(value) is Validation.FULLY_VALID


def test_one_whole_candidate_is_chosen_one_with_transactions_first() -> None:
    world = World()
    empty = encode(world.make(after_ms=9_000))
    some = [encode(world.make(Hash(bytes([n]) * 32))) for n in (1, 2)]
    candidates = tuple(sorted((empty, *some)))
    assert world.values.combine_candidates(SLOT, candidates) == max(some)
    assert world.values.combine_candidates(SLOT, (empty,)) == empty


def test_the_empty_value_keeps_the_time_and_needs_no_set() -> None:
    world = World()
    value = world.make(Hash(b"\x01" * 32))
    derived = decode_value(world.values.derive_empty_value(SLOT, encode(value)))
    assert derived == replace(value, set_hash=ZERO_HASH)

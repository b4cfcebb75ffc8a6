"""Who leads nomination, and how often."""

from collections import Counter
from dataclasses import replace
from itertools import count

from schemas.generated.common import PublicKey
from streams.consensus.context import Context, Outputs
from streams.consensus.leaders import (
    NEIGHBOUR,
    PRIORITY,
    compute_hash,
    compute_leaders,
    compute_seed,
)
from streams.consensus.nomination import Nomination
from streams.consensus.outputs import NominationRoundStarted
from streams.consensus.quorum_set import WEIGHT_MAX, compute_weights, normalise_quorum_set
from streams.consensus.scp import Scp
from tests.streams.consensus.fixtures import ValueTable, node, quorum_set

NAMES = [f"v{number}" for number in range(4)]
SLOTS = 2000


def get_peers(local: str) -> tuple[tuple[PublicKey, int], ...]:
    whole = quorum_set(3, *NAMES)
    return compute_weights(normalise_quorum_set(whole, excluded=node(local)))


def test_g_is_fixed() -> None:
    """Nodes that hashed differently would wait for different leaders."""
    seed = compute_seed(7, b"previous")
    assert seed == bytes(7) + b"\x07" + bytes(3) + b"\x08previous"
    assert compute_hash(seed, PRIORITY, 1, node("v0")) == 0xF2E3EFF7B2E4F4C9
    assert compute_hash(seed, NEIGHBOUR, 2, node("v0")) == 0x31F23C83DE1EBCBF


def test_every_node_wins_its_share_of_slots() -> None:
    """Among 3 of 4 a node sees itself win more often than each other one: it is always its own
    neighbour, and another one only two times in three."""
    local = node("v0")
    wins: Counter[bytes] = Counter()
    for slot in range(SLOTS):
        wins.update(compute_leaders(compute_seed(slot, b""), 1, local, get_peers("v0")))
    assert sum(wins.values()) == SLOTS
    # With k of the three others as neighbours it wins one time in k + 1.
    chance_self = sum(
        ways * (2 / 3) ** k * (1 / 3) ** (3 - k) / (k + 1) for k, ways in enumerate((1, 3, 3, 1))
    )
    assert abs(wins[local] / SLOTS - chance_self) < 0.04
    for name in NAMES[1:]:
        assert abs(wins[node(name)] / SLOTS - (1 - chance_self) / 3) < 0.04


def test_nodes_mostly_agree_on_the_leader() -> None:
    agreed = 0
    for slot in range(500):
        seed = compute_seed(slot, b"previous")
        chosen = {compute_leaders(seed, 1, node(n), get_peers(n)) for n in NAMES}
        agreed += len(chosen) == 1
    assert agreed > 200


def test_equal_priorities_lead_together() -> None:
    seed = compute_seed(1, b"")
    twins = (node("v1"), WEIGHT_MAX), (node("v1"), WEIGHT_MAX)
    local = next(
        node(f"w{n}")
        for n in count()
        if compute_hash(seed, PRIORITY, 1, node(f"w{n}"))
        < compute_hash(seed, PRIORITY, 1, node("v1"))
    )
    assert compute_leaders(seed, 1, local, twins) == (node("v1"), node("v1"))


def start_rounds(peers: tuple[tuple[PublicKey, int], ...]) -> list[tuple[int, int]]:
    """Two rounds of v0 among the peers given: their numbers and how many nodes led."""
    scp = Scp(node("v0"), quorum_set(2, "v0", "v1", "v2"), ValueTable())
    local = replace(scp.locals[0][1], peers=peers)
    nomination = Nomination(Context(1, local, scp.application))
    out: Outputs = []
    nomination.nominate(b"x", b"", out)
    nomination.fire_timer(nomination.round, out)
    starts = [output for output in out if isinstance(output, NominationRoundStarted)]
    return [(start.number, len(start.leaders)) for start in starts]


def test_pitfall_9_rounds_do_not_wait_for_nodes_that_cannot_lead() -> None:
    assert start_rounds(peers=()) == [(1, 1), (2, 1)]


def test_pitfall_9_electing_ends_when_a_peer_is_never_a_neighbour() -> None:
    """A weight of 1 in 2^64 never wins: after many skipped rounds the next one starts as it is."""
    assert start_rounds(peers=((node("v1"), 1),)) == [(1, 1), (2, 1)]


def test_rounds_without_a_new_leader_are_skipped() -> None:
    """A weight of 1/64 wins soon: v1 leads in the second round told, whatever its number."""
    (_, second) = start_rounds(peers=((node("v1"), WEIGHT_MAX // 64),))
    assert second[0] > 2
    assert second[1] == 2

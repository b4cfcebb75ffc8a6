"""Who leads nomination, and how often."""

from collections import Counter
from dataclasses import replace

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


WEIGHTS = compute_weights(normalise_quorum_set(quorum_set(3, *NAMES)))


def test_g_is_fixed() -> None:
    """Nodes that hashed differently would wait for different leaders."""
    seed = compute_seed(7, b"previous")
    assert seed == bytes(7) + b"\x07" + bytes(3) + b"\x08previous"
    assert compute_hash(seed, PRIORITY, 1, node("v0")) == 0xF2E3EFF7B2E4F4C9
    assert compute_hash(seed, NEIGHBOUR, 2, node("v0")) == 0x31F23C83DE1EBCBF


def test_every_node_wins_its_share_of_slots() -> None:
    wins: Counter[bytes] = Counter()
    for slot in range(SLOTS):
        wins.update(compute_leaders(compute_seed(slot, b""), 1, WEIGHTS))
    # In a slot of 4^4 nobody is a neighbour; the next round decides.
    assert abs(sum(wins.values()) / SLOTS - (1 - (1 / 4) ** 4)) < 0.01
    for name in NAMES:
        assert abs(wins[node(name)] / SLOTS - 1 / 4) < 0.04


def test_nodes_with_the_same_quorum_set_always_agree_on_their_leaders() -> None:
    """A node that thought it led where others follow another one would cost the slot a
    time-out."""
    networks = [
        Scp(node(name), quorum_set(3, *NAMES), ValueTable()).locals[0][1].weights for name in NAMES
    ]
    assert all(weights == networks[0] for weights in networks)
    for slot in range(100):
        nominations = [start(slot, node(name)) for name in NAMES]
        assert len({nomination.leaders for nomination in nominations}) == 1
        assert len({nomination.round for nomination in nominations}) == 1


def start(slot: int, local: PublicKey) -> Nomination:
    """A nomination in its first round."""
    scp = Scp(local, quorum_set(3, *NAMES), ValueTable())
    nomination = Nomination(Context(slot, scp.locals[0][1], scp.application))
    nomination.nominate(b"x", b"previous", [])
    return nomination


def test_equal_priorities_lead_together() -> None:
    seed = compute_seed(1, b"")
    twins = (node("v1"), WEIGHT_MAX), (node("v1"), WEIGHT_MAX)
    assert compute_leaders(seed, 1, twins) == (node("v1"), node("v1"))


def start_rounds(*weights: tuple[PublicKey, int]) -> list[tuple[int, int]]:
    """Two rounds of v0, which always may lead, among others: their numbers and how many led."""
    scp = Scp(node("v0"), quorum_set(2, "v0", "v1", "v2"), ValueTable())
    local = replace(scp.locals[0][1], weights=((node("v0"), WEIGHT_MAX), *weights))
    nomination = Nomination(Context(1, local, scp.application))
    out: Outputs = []
    nomination.nominate(b"x", b"", out)
    nomination.fire_timer(nomination.round, out)
    starts = [output for output in out if isinstance(output, NominationRoundStarted)]
    return [(start.number, len(start.leaders)) for start in starts]


def test_pitfall_9_rounds_do_not_wait_for_nodes_that_cannot_lead() -> None:
    assert start_rounds() == [(1, 1), (2, 1)]


def test_pitfall_9_electing_ends_when_a_peer_is_never_a_neighbour() -> None:
    """A weight of 1 in 2^64 never wins: after many skipped rounds the next one starts as it is."""
    assert start_rounds((node("v1"), 1)) == [(1, 1), (2, 1)]


def test_rounds_without_a_new_leader_are_skipped() -> None:
    """A weight of 1/64 wins soon: v1 leads in the second round told, whatever its number."""
    (_, second) = start_rounds((node("v1"), WEIGHT_MAX // 64))
    assert second[0] > 2
    assert second[1] == 2

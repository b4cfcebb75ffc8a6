"""Who leads a round of nomination (white paper and draft, nomination).

In a round a node's neighbours are those whose hash falls below their weight; of them the one with
the highest priority leads. Every node computes this for itself from its own quorum set; that
nodes choose alike makes nomination fast, safety does not depend on it.

The paper makes every node its own neighbour, so that a node outside of the others' choice often
thinks that it leads, votes for its own value, and the slot waits for a time-out. Here a node weighs
itself like the others (as Stellar's application-specific weights do): nodes with the same quorum
set always agree on their leaders.

    G(k, round, x) = first 8 bytes of SHA-256(u64 slot || u32 length || previous value
                                              || u32 k || u32 round || x)

with k 1 for neighbours, 2 for priorities (x a node) and 3 for values (x a value).
"""

import hashlib
from collections.abc import Iterable

from schemas.generated.common import PublicKey

NEIGHBOUR, PRIORITY, VALUE = 1, 2, 3


def compute_hash(seed: bytes, purpose: int, number: int, subject: bytes) -> int:
    """G: an integer of 64 bits."""
    suffix = purpose.to_bytes(4, "big") + number.to_bytes(4, "big") + subject
    return int.from_bytes(hashlib.sha256(seed + suffix).digest()[:8], "big")


def compute_seed(slot: int, previous_value: bytes) -> bytes:
    """What G starts with throughout a slot."""
    return slot.to_bytes(8, "big") + len(previous_value).to_bytes(4, "big") + previous_value


def compute_leaders(
    seed: bytes, number: int, nodes: Iterable[tuple[PublicKey, int]]
) -> tuple[PublicKey, ...]:
    """The round's leader, several if priorities are equal, none if nobody is a neighbour. `nodes`
    are (node, weight), the local node among them."""
    leaders: list[PublicKey] = []
    highest = -1
    for node, weight in nodes:
        if compute_hash(seed, NEIGHBOUR, number, node) > weight:
            continue
        priority = compute_hash(seed, PRIORITY, number, node)
        if priority > highest:
            highest, leaders = priority, [node]
        elif priority == highest:
            leaders.append(node)
    return tuple(sorted(leaders))

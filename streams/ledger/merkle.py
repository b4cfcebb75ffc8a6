"""The Merkle tree of RFC 6962 section 2.1, for lists that a header commits to (receipts).

It knows leaves as bytes. A receipt's leaf is transaction hash || result bytes (PROTOCOL.md).
"""

from collections.abc import Sequence
from hashlib import sha256

_LEAF_TAG = b"\x00"
_NODE_TAG = b"\x01"


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash (MTH) of the leaves in this order; of none, SHA-256 of nothing."""
    level = _hash_leaves(leaves)
    while len(level) > 1:
        level = _hash_pairs(level)
    return level[0] if level else sha256().digest()


def compute_inclusion_path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The audit path (PATH) of `leaves[index]`, from the leaf's neighbour up.

    Raises IndexError where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    level, path = _hash_leaves(leaves), list[bytes]()
    while len(level) > 1:
        neighbour = index ^ 1
        if neighbour < len(level):
            path.append(level[neighbour])
        level, index = _hash_pairs(level), index >> 1
    return tuple(path)


def verify_inclusion(
    root: bytes, leaf: bytes, index: int, leaf_count: int, path: Sequence[bytes]
) -> bool:
    """Whether `path` shows that `leaf` is number `index` of the `leaf_count` leaves under `root`.

    The algorithm of RFC 9162 section 2.1.3.2. Never raises, whatever the numbers and lengths.
    """
    if not 0 <= index < leaf_count:
        return False
    last = leaf_count - 1
    computed = sha256(_LEAF_TAG + leaf).digest()
    for neighbour in path:
        if last == 0 or len(neighbour) != 32:
            return False
        if index & 1 or index == last:
            computed = sha256(_NODE_TAG + neighbour + computed).digest()
            while not index & 1 and index:  # a last node without a neighbour moved up as it is
                index, last = index >> 1, last >> 1
        else:
            computed = sha256(_NODE_TAG + computed + neighbour).digest()
        index, last = index >> 1, last >> 1
    return last == 0 and computed == root


def _hash_leaves(leaves: Sequence[bytes]) -> list[bytes]:
    return [sha256(_LEAF_TAG + leaf).digest() for leaf in leaves]


def _hash_pairs(level: list[bytes]) -> list[bytes]:
    """The next level up. An odd last node moves up unhashed, which gives the RFC's split."""
    above = [
        sha256(_NODE_TAG + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)
    ]
    if len(level) & 1:
        above.append(level[-1])
    return above

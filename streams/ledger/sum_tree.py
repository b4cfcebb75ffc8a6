"""A Merkle sum tree: who holds an amount finds it in a total, with a short proof (PROTOCOL.md).

A node is a hash and a sum, so no amount can be left out, or taken off, without changing the root.
Levels are kept as bytes, 48 a node: the proof of one leaf needs a node of each.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple

NAME_BYTES, SUM_BYTES = 32, 16
NODE_BYTES = NAME_BYTES + SUM_BYTES
EMPTY = sha256(b"\x02").digest()
"""The root of no leaves."""


class Node(NamedTuple):
    """Of a tree, or the leaf of a named amount."""

    hash: bytes
    sum: int

    def encode(self) -> bytes:
        return self.hash + self.sum.to_bytes(SUM_BYTES, "big")


class Step(NamedTuple):
    """The neighbour on the way from a leaf to the root."""

    node: Node
    is_left: bool


def make_leaf(name: bytes, amount: int) -> Node:
    return Node(sha256(b"\x00" + name + amount.to_bytes(SUM_BYTES, "big")).digest(), amount)


def join(left: Node, right: Node) -> Node:
    """Raises `OverflowError` for a sum of more than 16 bytes."""
    return Node(sha256(b"\x01" + left.encode() + right.encode()).digest(), left.sum + right.sum)


class SumTree:
    """`levels`: from the leaves' nodes up to the root's. A last node alone moves up as it is."""

    def __init__(self, levels: Sequence[bytes]) -> None:
        self.levels = tuple(levels)

    @classmethod
    def make(cls, leaves: bytes) -> "SumTree":
        """`leaves`: of each the name and the amount, 48 bytes, ascending by name. Raises
        `ValueError` where they are not."""
        if len(leaves) % NODE_BYTES:
            raise ValueError("a leaf was cut off")
        level = bytearray()
        last = b""
        for at in range(0, len(leaves), NODE_BYTES):
            name = leaves[at : at + NAME_BYTES]
            if name <= last:
                raise ValueError("leaves do not ascend")
            level += make_leaf(name, _read_sum(leaves, at)).encode()
            last = name
        levels = [bytes(level)]
        while len(levels[-1]) > NODE_BYTES:
            levels.append(_join_pairs(levels[-1]))
        return cls(levels)

    @property
    def root(self) -> Node:
        top = self.levels[-1]
        return _read_node(top, 0) if top else Node(EMPTY, 0)

    @property
    def leaf_count(self) -> int:
        return len(self.levels[0]) // NODE_BYTES

    def find_path(self, index: int) -> Iterator[Step]:
        """From the leaf of this number up. Raises `IndexError`."""
        if not 0 <= index < self.leaf_count:
            raise IndexError(f"there is no leaf {index} among {self.leaf_count}")
        for level in self.levels[:-1]:
            neighbour = index ^ 1
            if neighbour * NODE_BYTES < len(level):
                yield Step(_read_node(level, neighbour), is_left=neighbour < index)
            index >>= 1


def compute_root(leaf: Node, path: Sequence[Step]) -> Node:
    """Where a proof leads: it holds if that is the root that was signed. Raises `OverflowError` as
    `join` does."""
    node = leaf
    for step in path:
        node = join(step.node, node) if step.is_left else join(node, step.node)
    return node


def _join_pairs(level: bytes) -> bytes:
    joined = bytearray()
    for at in range(0, len(level), 2 * NODE_BYTES):
        left = _read_node(level, at // NODE_BYTES)
        if at + NODE_BYTES < len(level):
            joined += join(left, _read_node(level, at // NODE_BYTES + 1)).encode()
        else:
            joined += left.encode()
    return bytes(joined)


def _read_node(level: bytes, index: int) -> Node:
    at = index * NODE_BYTES
    return Node(level[at : at + NAME_BYTES], _read_sum(level, at))


def _read_sum(data: bytes, at: int) -> int:
    return int.from_bytes(data[at + NAME_BYTES : at + NODE_BYTES], "big")

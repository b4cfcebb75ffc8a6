"""The state commitment: a canonical 16-ary radix Merkle trie over hashed ledger keys.

It knows 32-byte trie keys and 32-byte entry hashes, not ledger entries, ledgers or stores. The
shape follows from the content alone: a prefix is a leaf iff at most 16 entries lie under it; a
leaf's hash is H(0x00 || (trie key, entry hash) ascending), a branch's H(0x01 || 16 child hashes),
that of nothing 32 zeros. So a view that holds the same entries, filled in any order, arrives at
the same root.

Tries are values: `update` copies the path to what it changes and shares the rest, because a node
proves from the last certified ledger while newer ones are already closed.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import NamedTuple

from schemas.generated.common import Hash
from schemas.generated.ledger import SiblingHashes, StateProof, StateProofEntry

HASH_BYTES = 32
LEAF_ENTRIES_MAX = 16
DEPTH_MAX = 2 * HASH_BYTES
EMPTY_HASH = bytes(HASH_BYTES)

_LEAF_TAG = b"\x00"
_BRANCH_TAG = b"\x01"
_SIBLINGS_BYTES = 15 * HASH_BYTES
_LEAF_BYTES_MAX = 1 + LEAF_ENTRIES_MAX * 2 * HASH_BYTES


class Branch(NamedTuple):
    """An inner node. `preimage` is what its hash is taken of: the tag and 16 child hashes."""

    children: tuple["Node", ...]
    preimage: bytes
    entry_count: int


# A leaf is its own preimage: the tag, then (trie key, entry hash) pairs, ascending. One bytes
# object for up to 16 entries keeps a million small and out of the garbage collector's sight.
Node = Branch | bytes | None

_NO_CHILDREN = Branch((None,) * 16, _BRANCH_TAG + EMPTY_HASH * 16, 0)


class StateTrie(NamedTuple):
    """One version of the whole state; never changes. `root` is the header's state root."""

    node: Node
    root: bytes
    entry_count: int


EMPTY = StateTrie(None, EMPTY_HASH, 0)


def build(items: Iterable[tuple[bytes, bytes]]) -> StateTrie:
    """The trie of exactly these (trie key, entry hash) pairs; of equal keys the last counts."""
    return update(EMPTY, dict(items))


def update(trie: StateTrie, changes: Mapping[bytes, bytes | None]) -> StateTrie:
    """`trie` with each trie key set to its entry hash, or removed where that is None.

    Removing an absent key changes nothing. Every node that lies above a change is hashed once, so
    pass all changes of a ledger together. `trie` stays valid. Raises ValueError unless keys and
    hashes are 32 bytes.
    """
    for key, value in changes.items():
        if len(key) != HASH_BYTES or (value is not None and len(value) != HASH_BYTES):
            raise ValueError("trie keys and entry hashes are 32 bytes: pass SHA-256 digests")
    if not changes:
        return trie
    node = _update(trie.node, changes, sorted(changes), 0)
    return StateTrie(node, _compute_hash(node), _get_entry_count(node))


def get_entry_hash(trie: StateTrie, trie_key: bytes) -> bytes | None:
    """The hash of the entry under `trie_key`, None where there is none."""
    node, depth = trie.node, 0
    while isinstance(node, Branch):
        node = node.children[_get_nibble(trie_key, depth)]
        depth += 1
    return _decode_leaf(node).get(trie_key)


def prove(trie: StateTrie, trie_key: bytes) -> StateProof:
    """What shows, against `trie.root`, the entry hash under `trie_key`, or that there is none."""
    node, levels = trie.node, list[SiblingHashes]()
    while isinstance(node, Branch):
        nibble = _get_nibble(trie_key, len(levels))
        at = 1 + nibble * HASH_BYTES
        levels.append(SiblingHashes(node.preimage[1:at] + node.preimage[at + HASH_BYTES :]))
        node = node.children[nibble]
    leaf = _decode_leaf(node).items()
    entries = tuple(StateProofEntry(Hash(key), Hash(value)) for key, value in leaf)
    return StateProof(entries, tuple(levels))


def verify_proof(
    state_root: bytes, trie_key: bytes, entry_hash: bytes | None, proof: StateProof
) -> bool:
    """Whether `proof` shows that the state with this root holds `entry_hash` under `trie_key`.

    `entry_hash` None asks for absence. The root must come from a certified header. Never raises on
    values of the right types, however long or short they are.
    """
    if len(trie_key) != HASH_BYTES or not _is_well_formed(proof):
        return False
    found: dict[bytes, bytes] = {entry.trie_key: entry.entry_hash for entry in proof.entries}
    if found.get(trie_key) != entry_hash:
        return False
    computed = _compute_hash(_encode_leaf(found, sorted(found)))
    for depth in range(len(proof.levels) - 1, -1, -1):
        siblings, at = proof.levels[depth], _get_nibble(trie_key, depth) * HASH_BYTES
        computed = sha256(_BRANCH_TAG + siblings[:at] + computed + siblings[at:]).digest()
    return computed == state_root


def _is_well_formed(proof: StateProof) -> bool:
    """One form only: bounded, right lengths, entries strictly ascending."""
    keys = [entry.trie_key for entry in proof.entries]
    return (
        len(keys) <= LEAF_ENTRIES_MAX
        and len(proof.levels) <= DEPTH_MAX
        and all(len(siblings) == _SIBLINGS_BYTES for siblings in proof.levels)
        and all(len(entry.trie_key) == HASH_BYTES for entry in proof.entries)
        and all(len(entry.entry_hash) == HASH_BYTES for entry in proof.entries)
        and all(low < high for low, high in pairwise(keys))
    )


def _update(
    node: Node, changes: Mapping[bytes, bytes | None], keys: Sequence[bytes], depth: int
) -> Node:
    """`node`, at `depth` nibbles, with the changes of `keys` (ascending, all under it) applied."""
    if isinstance(node, Branch):
        return _update_branch(node, changes, keys, depth)
    if node is None:
        if len(keys) > LEAF_ENTRIES_MAX:
            return _update_branch(_NO_CHILDREN, changes, keys, depth)
    elif len(keys) == 1:
        # What most leaves see in a ledger, without taking the leaf apart: a third of the time.
        key, value = keys[0], changes[keys[0]]
        at, is_there = _find_in_leaf(node, key)
        if value is not None and (is_there or len(node) < _LEAF_BYTES_MAX):
            return node[:at] + key + value + node[at + 64 * is_there :]
    entries = _decode_leaf(node)
    for key in keys:
        value = changes[key]
        if value is None:
            entries.pop(key, None)
        else:
            entries[key] = value
    ordered = sorted(entries)
    if len(ordered) <= LEAF_ENTRIES_MAX:
        return _encode_leaf(entries, ordered)
    return _update_branch(_NO_CHILDREN, entries, ordered, depth)


def _update_branch(
    branch: Branch, changes: Mapping[bytes, bytes | None], keys: Sequence[bytes], depth: int
) -> Node:
    children, count = list(branch.children), branch.entry_count
    preimage = bytearray(branch.preimage)
    at, shift = depth >> 1, 0 if depth & 1 else 4
    low, end = 0, len(keys)
    while low < end:
        nibble = keys[low][at] >> shift & 15
        high = low + 1
        while high < end and keys[high][at] >> shift & 15 == nibble:
            high += 1
        before = children[nibble]
        after = children[nibble] = _update(before, changes, keys[low:high], depth + 1)
        count += _get_entry_count(after) - _get_entry_count(before)
        start = 1 + nibble * HASH_BYTES
        preimage[start : start + HASH_BYTES] = _compute_hash(after)
        low = high
    if count <= LEAF_ENTRIES_MAX:
        return _merge_leaves(children)
    return Branch(tuple(children), bytes(preimage), count)


def _merge_leaves(children: list[Node]) -> bytes | None:
    """The leaf of all children's entries; with at most 16 among them none can be a branch."""
    entries = b"".join(child[1:] for child in children if isinstance(child, bytes))
    return _LEAF_TAG + entries if entries else None


def _decode_leaf(leaf: bytes | None) -> dict[bytes, bytes]:
    if leaf is None:
        return {}
    return {leaf[at : at + 32]: leaf[at + 32 : at + 64] for at in range(1, len(leaf), 64)}


def _find_in_leaf(leaf: bytes, key: bytes) -> tuple[int, bool]:
    """Where the pair of `key` stands, or would have to; and whether it does."""
    low, high = 0, len(leaf) >> 6
    while low < high:
        middle = (low + high) >> 1
        at = (middle << 6) + 1
        found = leaf[at : at + HASH_BYTES]
        if found == key:
            return at, True
        if found < key:
            low = middle + 1
        else:
            high = middle
    return (low << 6) + 1, False


def _encode_leaf(entries: Mapping[bytes, bytes], ordered: list[bytes]) -> bytes | None:
    if not ordered:
        return None
    return _LEAF_TAG + b"".join([key + entries[key] for key in ordered])


def _compute_hash(node: Node) -> bytes:
    if node is None:
        return EMPTY_HASH
    return sha256(node if isinstance(node, bytes) else node.preimage).digest()


def _get_entry_count(node: Node) -> int:
    if node is None:
        return 0
    return len(node) >> 6 if isinstance(node, bytes) else node.entry_count


def _get_nibble(trie_key: bytes, depth: int) -> int:
    return trie_key[depth >> 1] >> (0 if depth & 1 else 4) & 15

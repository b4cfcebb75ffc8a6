"""The state trie against a naive reading of PROTOCOL.md, and its proofs against tampering."""

from collections.abc import Callable
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec
from schemas.generated.common import Hash
from schemas.generated.ledger import SiblingHashes, StateProof, StateProofEntry
from streams.ledger import state_trie
from streams.ledger.state_trie import EMPTY

Entries = dict[bytes, bytes]

# Keys that crowd under few prefixes, so that small examples split and merge many levels deep.
NIBBLES = st.lists(st.sampled_from("0f7"), min_size=0, max_size=6).map("".join)
CROWDED_KEYS = st.tuples(NIBBLES, st.integers(0, 40)).map(
    lambda parts: bytes.fromhex(parts[0].ljust(60, "0") + f"{parts[1]:04x}")
)
KEYS = CROWDED_KEYS | st.binary(min_size=32, max_size=32)
NO_SIBLINGS = SiblingHashes(bytes(480))
HASHES = st.binary(min_size=32, max_size=32)
CONTENTS = st.dictionaries(KEYS, HASHES, max_size=80)


def compute_reference_root(entries: Entries, depth: int = 0) -> bytes:
    """The definition, word for word, with nothing kept from one call to the next."""
    if not entries:
        return bytes(32)
    if len(entries) <= 16:
        pairs = b"".join(key + value for key, value in sorted(entries.items()))
        return sha256(b"\x00" + pairs).digest()
    hashes = [
        compute_reference_root(
            {key: value for key, value in entries.items() if key.hex()[depth] == nibble}, depth + 1
        )
        for nibble in "0123456789abcdef"
    ]
    return sha256(b"\x01" + b"".join(hashes)).digest()


def make_entries(count: int) -> Entries:
    return {sha256(b"key%d" % i).digest(): sha256(b"value%d" % i).digest() for i in range(count)}


def make_crowded(count: int) -> Entries:
    """Entries under one long prefix: they differ in the last byte alone."""
    return {bytes(31) + bytes([i]): sha256(b"%d" % i).digest() for i in range(count)}


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 18, 255, 256, 257, 1000, 5000])
def test_root_is_the_definitions(count: int) -> None:
    entries = make_entries(count)
    trie = state_trie.build(entries.items())
    assert trie.root == compute_reference_root(entries)
    assert trie.entry_count == count


def test_roots_written_down() -> None:
    """Vectors for other languages: they may never change."""
    assert EMPTY.root == bytes(32)
    for count, root in VECTORS.items():
        assert state_trie.build(make_entries(count).items()).root.hex() == root


VECTORS = {
    1: "76aac0d0bfc616899ba560f2f575df86e37c1c857763db3740fcb544ac254fc4",
    16: "e05a1243df8dc7f43a2f17eaea0b3ff4a64b86e05e2d21405e71f0bde3103950",
    17: "d4cdf48a21f608ab40a544d41aabfd30a1eb40ecf962c195234f923e58faebdb",
    1000: "e227d831fe1853c199fee49102ff65942838b2e577ca961320db2b6b8f6578ad",
}


@given(CONTENTS, st.randoms(use_true_random=False), st.integers(1, 30))
def test_any_order_and_batching_gives_one_root(entries: Entries, random: Random, size: int) -> None:
    items = list(entries.items())
    random.shuffle(items)
    trie = EMPTY
    for start in range(0, len(items), size):
        trie = state_trie.update(trie, dict(items[start : start + size]))
    assert trie.root == compute_reference_root(entries)
    assert trie.entry_count == len(entries)


@given(CONTENTS, st.lists(st.dictionaries(KEYS, st.none() | HASHES, max_size=60), max_size=6))
def test_every_version_depends_on_content_alone(
    entries: Entries, batches: list[dict[bytes, bytes | None]]
) -> None:
    trie, versions = state_trie.build(entries.items()), []
    for batch in batches:
        versions.append((trie, dict(entries)))
        trie = state_trie.update(trie, batch)
        for key, value in batch.items():
            if value is None:
                entries.pop(key, None)
            else:
                entries[key] = value
    versions.append((trie, entries))
    for version, content in versions:
        assert version.root == compute_reference_root(content)
        assert version.entry_count == len(content)
        assert all(state_trie.get_entry_hash(version, key) == content[key] for key in content)
        assert version == state_trie.build(content.items())


@given(CONTENTS, st.dictionaries(KEYS, HASHES, min_size=1, max_size=40))
def test_inserting_and_removing_leaves_no_trace(entries: Entries, extra: Entries) -> None:
    trie = state_trie.build(entries.items())
    added = {key: value for key, value in extra.items() if key not in entries}
    there = state_trie.update(trie, added)
    assert state_trie.update(there, dict.fromkeys(added)) == trie


@pytest.mark.parametrize("make", [make_entries, make_crowded])
def test_splits_at_17_and_merges_at_16(make: Callable[[int], Entries]) -> None:
    entries = make(17)
    *first, last = entries
    leaf = state_trie.build((key, entries[key]) for key in first)
    assert isinstance(leaf.node, bytes)
    branch = state_trie.update(leaf, {last: entries[last]})
    assert isinstance(branch.node, state_trie.Branch)
    assert branch.root == compute_reference_root(entries)
    assert isinstance(leaf.node, bytes)
    merged = state_trie.update(branch, {last: None})
    assert merged == leaf
    assert state_trie.update(merged, dict.fromkeys(first)) == EMPTY


def test_a_merge_can_take_away_many_levels_at_once() -> None:
    entries = make_crowded(40) | make_entries(3)
    trie = state_trie.build(entries.items())
    gone = list(make_crowded(40))[:30]
    merged = state_trie.update(trie, dict.fromkeys(gone))
    assert isinstance(merged.node, bytes)
    assert merged.root == compute_reference_root(
        {key: value for key, value in entries.items() if key not in gone}
    )


def test_nothing_changed_is_the_same_trie() -> None:
    trie = state_trie.build(make_entries(40).items())
    assert state_trie.update(trie, {}) is trie
    assert state_trie.update(trie, {bytes(32): None}) == trie


def test_a_key_that_reads_like_an_entry_hash_is_not_found() -> None:
    """The leaf is searched as bytes: a match that is not at a key's place is none."""
    key, value = bytes([1]) * 32, bytes([2]) * 32
    trie = state_trie.build([(key, value)])
    assert state_trie.get_entry_hash(trie, value) is None
    both = state_trie.update(trie, {value: key})
    assert both.root == compute_reference_root({key: value, value: key})
    shifted = key[5:] + value[:5]
    third = state_trie.update(trie, {shifted: value})
    assert third.root == compute_reference_root({key: value, shifted: value})


@pytest.mark.parametrize(
    "changes", [{bytes(31): bytes(32)}, {bytes(32): bytes(33)}, {bytes(33): None}, {b"": b""}]
)
def test_wrong_lengths_are_refused(changes: dict[bytes, bytes | None]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        state_trie.update(EMPTY, changes)


@given(CONTENTS, KEYS)
def test_proofs_of_what_is_and_is_not_there(entries: Entries, other: bytes) -> None:
    trie = state_trie.build(entries.items())
    for key in (*entries, other):
        proof = state_trie.prove(trie, key)
        held = entries.get(key)
        assert state_trie.verify_proof(trie.root, key, held, proof)
        assert codec.decode(StateProof, codec.encode(proof)) == proof
        assert not state_trie.verify_proof(trie.root, key, sha256(b"other").digest(), proof)
        if held is not None:
            assert not state_trie.verify_proof(trie.root, key, None, proof)


def list_tampered(proof: StateProof) -> list[StateProof]:
    """Every entry and level altered in one bit, left out, doubled or swapped with its neighbour."""
    entries, levels = list(proof.entries), list(proof.levels)
    altered_entries = [entries[:i] + entries[i + 1 :] for i in range(len(entries))]
    altered_entries += [entries[:i] + entries[i - 1 :] for i in range(1, len(entries))]
    altered_entries += [entries[::-1]] if len(entries) > 1 else []
    for i, entry in enumerate(entries):
        for bit in (0, 77, 255):
            for key, value in (
                (flip(entry.trie_key, bit), entry.entry_hash),
                (entry.trie_key, flip(entry.entry_hash, bit)),
            ):
                other = StateProofEntry(Hash(key), Hash(value))
                altered_entries.append([*entries[:i], other, *entries[i + 1 :]])
    altered_levels = [levels[:i] + levels[i + 1 :] for i in range(len(levels))]
    altered_levels += [levels[:i] + levels[i - 1 :] for i in range(1, len(levels))]
    altered_levels += [levels[::-1]] if len(levels) > 1 else []
    altered_levels += [[*levels, NO_SIBLINGS], [NO_SIBLINGS, *levels], [NO_SIBLINGS] * 65]
    for i, level in enumerate(levels):
        others = [flip(level, bit) for bit in range(0, 480 * 8, 97)]
        for siblings in (*others, level[:-1], level + b"\0", b""):
            altered_levels.append([*levels[:i], SiblingHashes(siblings), *levels[i + 1 :]])
    return [StateProof(tuple(altered), proof.levels) for altered in altered_entries] + [
        StateProof(proof.entries, tuple(altered)) for altered in altered_levels
    ]


def flip(data: bytes, bit: int) -> bytes:
    altered = bytearray(data)
    altered[bit // 8] ^= 1 << bit % 8
    return bytes(altered)


@pytest.mark.parametrize("count", [1, 16, 17, 300, 3000])
def test_a_tampered_proof_fails(count: int) -> None:
    entries = make_entries(count)
    trie = state_trie.build(entries.items())
    for key in (next(iter(entries)), sha256(b"absent").digest()):
        proof, held = state_trie.prove(trie, key), entries.get(key)
        assert state_trie.verify_proof(trie.root, key, held, proof)
        for forged in list_tampered(proof):
            assert not state_trie.verify_proof(trie.root, key, held, forged)
        assert not state_trie.verify_proof(flip(trie.root, 8), key, held, proof)


def test_a_proof_does_not_speak_for_another_path_or_version() -> None:
    entries = make_entries(3000)
    trie = state_trie.build(entries.items())
    present, *others = entries
    proof = state_trie.prove(trie, present)
    there = {entry.trie_key for entry in proof.entries}
    for other in others[:200]:
        if other not in there:
            assert not state_trie.verify_proof(trie.root, other, None, proof)
    later = state_trie.update(trie, {present: bytes(32)})
    assert not state_trie.verify_proof(later.root, present, entries[present], proof)
    assert state_trie.verify_proof(trie.root, present, entries[present], proof)


def test_absence_under_an_empty_child() -> None:
    entries = make_crowded(17)
    trie = state_trie.build(entries.items())
    absent = bytes([255]) * 32
    proof = state_trie.prove(trie, absent)
    assert proof.entries == ()
    assert len(proof.levels) == 1
    assert state_trie.verify_proof(trie.root, absent, None, proof)


@given(st.binary(max_size=40), st.none() | st.binary(max_size=40), st.data())
def test_garbage_is_refused_without_an_exception(
    key: bytes, entry_hash: bytes | None, data: st.DataObject
) -> None:
    some_bytes = st.binary(max_size=40)
    entry = st.builds(StateProofEntry, some_bytes, some_bytes)
    proof = StateProof(
        tuple(data.draw(st.lists(entry, max_size=20))),
        tuple(
            data.draw(st.lists(st.just(NO_SIBLINGS) | some_bytes.map(SiblingHashes), max_size=70))
        ),
    )
    root = sha256(b"a root nobody has").digest()
    assert not state_trie.verify_proof(root, key, entry_hash, proof)

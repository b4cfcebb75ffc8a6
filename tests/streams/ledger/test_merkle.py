"""RFC 6962 trees: published vectors of Certificate Transparency, the definition, forgery."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ledger import merkle

# The reference inputs, roots and paths of the Certificate Transparency implementations.
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
CT_PATHS = {
    (0, 1): [],
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
LEAVES = st.lists(st.binary(max_size=40), min_size=1, max_size=70)


def compute_reference_root(leaves: list[bytes]) -> bytes:
    """MTH as the RFC writes it: split at the largest power of two below the count."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    left, right = compute_reference_root(leaves[:split]), compute_reference_root(leaves[split:])
    return sha256(b"\x01" + left + right).digest()


@pytest.mark.parametrize("count", range(9))
def test_published_roots(count: int) -> None:
    assert merkle.compute_root(CT_LEAVES[:count]).hex() == CT_ROOTS[count]


@pytest.mark.parametrize(("index", "count"), CT_PATHS)
def test_published_paths(index: int, count: int) -> None:
    path = merkle.compute_inclusion_path(CT_LEAVES[:count], index)
    assert [step.hex() for step in path] == CT_PATHS[index, count]
    root = bytes.fromhex(CT_ROOTS[count])
    assert merkle.verify_inclusion(root, CT_LEAVES[index], index, count, path)


@given(LEAVES)
def test_root_and_every_path(leaves: list[bytes]) -> None:
    root, count = merkle.compute_root(leaves), len(leaves)
    assert root == compute_reference_root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.compute_inclusion_path(leaves, index)
        assert merkle.verify_inclusion(root, leaf, index, count, path)


@pytest.mark.parametrize("count", range(1, 34))
def test_a_path_speaks_for_one_leaf_at_one_place(count: int) -> None:
    leaves = [b"leaf%d" % i for i in range(count)]
    root = merkle.compute_root(leaves)
    for index, leaf in enumerate(leaves):
        path = merkle.compute_inclusion_path(leaves, index)
        assert not merkle.verify_inclusion(root, leaf + b"x", index, count, path)
        assert not merkle.verify_inclusion(bytes(32), leaf, index, count, path)
        assert not merkle.verify_inclusion(root, leaf, index, count, (*path, bytes(32)))
        for other in range(count):
            holds = merkle.verify_inclusion(root, leaf, other, count, path)
            assert holds == (other == index)
        for at in range(len(path)):
            step = path[at]
            for altered in (b"", step[:-1], step + b"\0", bytes([step[0] ^ 1]) + step[1:]):
                forged = (*path[:at], altered, *path[at + 1 :])
                assert not merkle.verify_inclusion(root, leaf, index, count, forged)
            shorter = path[:at] + path[at + 1 :]
            assert not merkle.verify_inclusion(root, leaf, index, count, shorter)


def test_an_inner_node_is_not_a_leaf() -> None:
    """The tags keep a node's two hashes from being sold as a leaf."""
    left, right = (sha256(b"\x00" + leaf).digest() for leaf in (b"a", b"b"))
    root = merkle.compute_root([b"a", b"b"])
    assert not merkle.verify_inclusion(root, left + right, 0, 1, ())


@pytest.mark.parametrize(("index", "count"), [(-1, 3), (3, 3), (0, 0), (1 << 80, 3), (5, -1)])
def test_places_that_do_not_exist(index: int, count: int) -> None:
    leaves = [b"a", b"b", b"c"]
    root = merkle.compute_root(leaves)
    assert not merkle.verify_inclusion(root, b"a", index, count, ())
    if count == 3:
        with pytest.raises(IndexError, match="no leaf"):
            merkle.compute_inclusion_path(leaves, index)


@given(st.integers(), st.integers(), st.lists(st.binary(max_size=33), max_size=70))
def test_garbage_is_refused_without_an_exception(index: int, count: int, path: list[bytes]) -> None:
    assert not merkle.verify_inclusion(sha256(b"nobody's").digest(), b"", index, count, path)

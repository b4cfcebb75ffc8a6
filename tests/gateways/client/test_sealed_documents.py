"""Sealed documents open whole, with their key alone."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.public import PrivateKey

from gateways.client.sealed_documents import (
    HEAD_BYTES,
    PIECE_BYTES,
    DocumentUnopenable,
    compute_sealed_size,
    open_document,
    seal_document,
)

KEY = PrivateKey.generate()
SIZES = (0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES, 200_001)


def cut(content: bytes, size: int) -> Iterator[bytes]:
    return (content[at : at + size] for at in range(0, len(content), size))


def seal(content: bytes, size: int = 10_007) -> bytes:
    return b"".join(seal_document(bytes(KEY.public_key), cut(content, size)))


def unseal(sealed: bytes, size: int = 4_099, key: PrivateKey = KEY) -> bytes:
    return b"".join(open_document(bytes(key), cut(sealed, size)))


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_opens_and_has_the_announced_size(size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    sealed = seal(content[:size])
    assert unseal(sealed) == content[:size]
    assert len(sealed) == compute_sealed_size(size)


@given(st.binary(max_size=3_000), st.integers(1, 500), st.integers(1, 500))
def test_parts_have_any_length(content: bytes, sent: int, read: int) -> None:
    assert unseal(seal(content, sent), read) == content


def test_two_seals_of_one_document_have_nothing_in_common() -> None:
    first, second = seal(b"the same"), seal(b"the same")
    assert first[16:] != second[16:]


SEALED = seal(bytes(150_000))
DAMAGED = {
    "nothing": b"",
    "no-magic": b"x" + SEALED[1:],
    "half-a-head": SEALED[: HEAD_BYTES // 2],
    "head-alone": SEALED[:HEAD_BYTES],
    "changed-box": SEALED[:40] + bytes([SEALED[40] ^ 1]) + SEALED[41:],
    "changed-piece": SEALED[:-100] + bytes([SEALED[-100] ^ 1]) + SEALED[-99:],
    "cut-piece": SEALED[:-1],
    "last-piece-missing": SEALED[: HEAD_BYTES + 2 * (PIECE_BYTES + 17)],
    "more-behind": SEALED + b"x",
    "first-piece-twice": SEALED[: HEAD_BYTES + PIECE_BYTES + 17] + SEALED[HEAD_BYTES:],
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damage_is_found(name: str) -> None:
    with pytest.raises(DocumentUnopenable):
        unseal(DAMAGED[name])


def test_another_key_does_not_open() -> None:
    with pytest.raises(DocumentUnopenable):
        unseal(SEALED, key=PrivateKey.generate())

"""The byte vectors are what today's code computes."""

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.schemas.vectors import FILE, make_vectors

VECTORS = json.loads(FILE.read_text())


def find_preimages(value: Any) -> Iterator[tuple[str, str]]:
    """Each preimage with the hash beside it."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name.endswith("_preimage"):
                yield member["bytes"], value[name.removesuffix("_preimage")]
            yield from find_preimages(member)


def test_vectors_are_unchanged() -> None:
    assert make_vectors() == VECTORS


def test_hashes_are_those_of_their_preimages() -> None:
    found = list(find_preimages(VECTORS))
    assert len(found) == 8
    for preimage, digest in found:
        assert sha256(bytes.fromhex(preimage)).hexdigest() == digest

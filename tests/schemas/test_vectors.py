"""The byte vectors are what today's code computes."""

import json

from tests.schemas.vectors import FILE, make_vectors


def test_vectors_are_unchanged() -> None:
    assert json.loads(FILE.read_text()) == make_vectors()

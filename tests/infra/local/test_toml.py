"""What is written reads back as it was."""

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.toml import encode_toml

# TOML knows no lone surrogates, and its reader turns a line break of Windows into one of Unix.
texts = st.text(st.characters(exclude_categories=["Cs"]))
values = st.recursive(
    texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@settings(max_examples=40)
@given(st.dictionaries(texts, values))
def test_round_trip(document: dict[str, object]) -> None:
    assert tomllib.loads(encode_toml(document)) == document


def test_it_reads_well() -> None:
    document = {
        "name": "core1",
        "kafka": {"bootstrap_servers": "127.0.0.1:9092", "nothing": None},
        "slices": [{"threshold": 3, "validators": ["a", "b"]}],
        "nothing": None,
    }
    assert encode_toml(document) == (
        'name = "core1"\n'
        'slices = [{threshold = 3, validators = ["a", "b"]}]\n'
        "\n"
        "[kafka]\n"
        'bootstrap_servers = "127.0.0.1:9092"\n'
    )


def test_what_is_no_setting_is_refused() -> None:
    with pytest.raises(TypeError, match="no setting can be of type bytes"):
        encode_toml({"seed": b"secret"})

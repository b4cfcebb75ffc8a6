"""Strkeys against Stellar's own library, and every way to misspell one."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stellar_sdk import StrKey

from schemas import strkey
from schemas.strkey import StrkeyError

KEYS = st.binary(min_size=32, max_size=32)
Codec = tuple[Callable[[bytes], str], Callable[[str], bytes]]
CODECS: dict[str, Codec] = {
    "G": (strkey.encode_account_id, strkey.decode_account_id),
    "S": (strkey.encode_seed, strkey.decode_seed),
    "B": (strkey.encode_balance_id, strkey.decode_balance_id),
}


@given(KEYS)
def test_accounts_and_seeds_are_stellars(key: bytes) -> None:
    assert strkey.encode_account_id(key) == StrKey.encode_ed25519_public_key(key)
    assert strkey.encode_seed(key) == StrKey.encode_ed25519_secret_seed(key)
    assert strkey.decode_account_id(StrKey.encode_ed25519_public_key(key)) == key
    assert strkey.decode_seed(StrKey.encode_ed25519_secret_seed(key)) == key


@given(st.sampled_from("GSB"), KEYS)
def test_round_trip(letter: str, key: bytes) -> None:
    encode, decode = CODECS[letter]
    text = encode(key)
    assert len(text) == 56
    assert text[0] == letter
    assert decode(text) == key


def test_written_down() -> None:
    zeros = bytes(32)
    assert strkey.encode_account_id(zeros) == VECTORS["G"]
    assert strkey.encode_seed(zeros) == VECTORS["S"]
    assert strkey.encode_balance_id(zeros) == VECTORS["B"]


VECTORS = {
    "G": "GAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWHF",
    "S": "SAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABSU2",
    "B": "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZBO",
}


@pytest.mark.parametrize("letter", "GSB")
def test_every_mistyped_character_is_found(letter: str) -> None:
    encode, decode = CODECS[letter]
    text = encode(bytes(range(32)))
    for at in range(56):
        for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567abz0189=+/ \n\u0661":
            if other != text[at]:
                with pytest.raises(StrkeyError):
                    decode(text[:at] + other + text[at + 1 :])
        if at and text[at] != text[at - 1]:
            with pytest.raises(StrkeyError):
                decode(text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :])


def test_the_error_says_what_is_wrong_and_not_the_secret() -> None:
    seed, account = strkey.encode_seed(bytes(32)), strkey.encode_account_id(bytes(32))
    for text, message in (
        ("", "has 56 characters, this has 0"),
        (account[:-1], "has 56 characters, this has 55"),
        (account + "======", "has 56 characters, this has 62"),
        (account.lower(), "A-Z and 2-7 only"),
        (seed, r"expected an account id \(G...\), this is a seed"),
        (strkey.encode_balance_id(bytes(32)), "this is a balance id"),
        ("A" * 56, "this is something else"),
        (account[:20] + "Q" + account[21:], "mistyped"),
    ):
        with pytest.raises(StrkeyError, match=message) as caught:
            strkey.decode_account_id(text)
        assert not text or text not in str(caught.value)


@pytest.mark.parametrize("letter", "GSB")
def test_only_32_bytes_are_encoded(letter: str) -> None:
    for length in (0, 31, 33, 64):
        with pytest.raises(StrkeyError, match=f"32 bytes, not of {length}"):
            CODECS[letter][0](bytes(length))


@given(st.text(max_size=70))
def test_any_other_text_is_refused(text: str) -> None:
    for _, decode in CODECS.values():
        with pytest.raises(StrkeyError):
            decode(text)

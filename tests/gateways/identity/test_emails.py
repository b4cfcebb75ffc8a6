"""E-mail addresses have one normal form, and a hash of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateways.identity.emails import EmailError, compute_email_hash, normalise_email


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("alice@example.org", "alice@example.org"),
        ("  Alice@Example.ORG\n", "alice@example.org"),
        ("ＡＬＩＣＥ@example.org", "alice@example.org"),  # noqa: RUF001 - wide letters
        ("o'neil+tag@sub.example.org", "o'neil+tag@sub.example.org"),
        ("jürgen@müller.example", "jürgen@müller.example"),
    ],
)
def test_one_form(typed: str, normal: str) -> None:
    assert normalise_email(typed) == normal
    assert normalise_email(normal) == normal


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "alice",
        "@example.org",
        "alice@",
        "a b@example.org",
        "a@b@c",
        "a\0@b.c",
        "<a@b.c>",
        "a,b@c.d",
        "x" * 260 + "@example.org",
        "ﷺ" * 30 + "@" + "ﷺ" * 30,  # much longer in normal form
    ],
)
def test_what_is_no_address(typed: str) -> None:
    with pytest.raises(EmailError):
        normalise_email(typed)


@given(st.text(max_size=80))
def test_any_text_is_refused_or_has_a_stable_form(text: str) -> None:
    try:
        normal = normalise_email(text)
    except EmailError:
        return
    assert normalise_email(normal) == normal


def test_the_hash_is_published() -> None:
    assert compute_email_hash("alice@example.org").hex() == (
        "e9b43cd032117ffdc471ceeecb78993ec17b2c7b3e9fe6a3ab85ac9924c03151"
    )

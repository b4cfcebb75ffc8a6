"""Registration statements: what the KeyServer signed, for one network."""

import msgspec
import pytest
from msgspec.structs import replace
from nacl.signing import SigningKey

from gateways.identity.emails import compute_email_hash
from gateways.identity.statements import (
    RegistrationStatement,
    StatementError,
    make_statement,
    verify_statement,
)
from schemas.strkey import encode_account_id
from tests.support.network import get_public_key

KEY, NETWORK = SigningKey(b"k" * 32), b"n" * 32
PUBLIC = bytes(KEY.verify_key)
ALICE = encode_account_id(get_public_key("alice"))
STATEMENT = RegistrationStatement(
    1, compute_email_hash("alice@example.org").hex(), ALICE, ALICE, 1_700_000_000_000
)


def test_it_says_what_was_signed() -> None:
    body, signature = make_statement(KEY, NETWORK, STATEMENT)
    assert verify_statement(PUBLIC, NETWORK, body, signature) == STATEMENT
    assert msgspec.json.decode(body)["version"] == 1


def test_changed_bytes_and_other_networks_are_refused() -> None:
    body, signature = make_statement(KEY, NETWORK, STATEMENT)
    other = bytes(SigningKey(b"o" * 32).verify_key)
    for public, network, content, signed in (
        (other, NETWORK, body, signature),
        (PUBLIC, b"m" * 32, body, signature),
        (PUBLIC, NETWORK, body + b" ", signature),
        (PUBLIC, NETWORK, body.replace(b"1700", b"1800"), signature),
        (PUBLIC, NETWORK, body, signature[:-1]),
        (PUBLIC, NETWORK, body, b"\0" * 64),
        (PUBLIC, NETWORK, b"", signature),
        (PUBLIC, NETWORK, b"x" * 2_000, signature),
    ):
        with pytest.raises(StatementError):
            verify_statement(public, network, content, signed)


@pytest.mark.parametrize(
    "changes",
    [{"version": 2}, {"account": "GA"}, {"signer": "x"}, {"email_hash": "00"}, {"email_hash": "z"}],
)
def test_statements_of_another_form_are_refused(changes: dict[str, object]) -> None:
    body, signature = make_statement(KEY, NETWORK, replace(STATEMENT, **changes))
    with pytest.raises(StatementError):
        verify_statement(PUBLIC, NETWORK, body, signature)

"""Keys and envelopes of wallets: the published vectors, and what must not open."""

import json
from importlib.resources import files
from typing import Any

import pytest

from gateways.client import examples
from gateways.client.keys import get_address, get_seed, read_seed
from gateways.client.wallet_keys import (
    Content,
    Derivation,
    SecretKeys,
    WeakDerivation,
    WrongEnvelope,
    derive_keys,
    open_envelope,
    read_derivation,
    seal_envelope,
)
from gateways.identity.emails import compute_email_hash, normalise_email

VECTORS: list[dict[str, Any]] = json.loads(
    (files(examples) / "wallet_vectors.json").read_text(encoding="utf-8")
)
STRONG = {"version": 1, "algorithm": "argon2id", "memory_kib": 65_536, "passes": 3, "lanes": 1}


def derive(vector: dict[str, Any]) -> SecretKeys:
    derivation = read_derivation(vector["derivation"])
    salt = bytes.fromhex(vector["salt"])
    return derive_keys(vector["secret"], vector["email"], salt, derivation)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["normal_email"]))
def test_published_vectors(vector: dict[str, Any]) -> None:
    assert normalise_email(vector["email"]) == vector["normal_email"]
    assert compute_email_hash(vector["normal_email"]).hex() == vector["email_hash"]
    keys = derive(vector)
    assert bytes(keys.auth).hex() == vector["auth_seed"]
    assert get_address(keys.auth) == vector["auth_key"]
    assert keys.envelope.hex() == vector["envelope_key"]
    content = Content(vector["account"], read_seed(vector["seed"]), vector["recovery"])
    nonce, version = bytes.fromhex(vector["nonce"]), vector["version"]
    assert seal_envelope(keys, content, version, nonce).hex() == vector["envelope"]
    opened = open_envelope(keys, bytes.fromhex(vector["envelope"]), vector["account"], version)
    assert get_seed(opened.key) == vector["seed"]
    assert opened == content


def test_an_envelope_opens_in_its_place_alone() -> None:
    first, second = VECTORS
    keys, envelope = derive(first), bytes.fromhex(first["envelope"])
    for account, version in ((second["account"], 1), (first["account"], 2)):
        with pytest.raises(WrongEnvelope):
            open_envelope(keys, envelope, account, version)
    for position in range(len(envelope)):
        changed = bytearray(envelope)
        changed[position] ^= 1
        with pytest.raises(WrongEnvelope):
            open_envelope(keys, bytes(changed), first["account"], 1)
    weaker = SecretKeys(keys.auth, keys.envelope, Derivation(1, 65_536, 4, 1))
    with pytest.raises(WrongEnvelope):
        open_envelope(weaker, envelope, first["account"], 1)


@pytest.mark.parametrize(
    "change",
    [
        {"memory_kib": 19_456},
        {"passes": 1},
        {"memory_kib": 1 << 30},
        {"algorithm": "scrypt"},
        {"lanes": 4},
        {"passes": "many"},
    ],
)
def test_weak_parameters_are_refused(change: dict[str, Any]) -> None:
    assert read_derivation(STRONG).memory_kib == 65_536
    with pytest.raises(WeakDerivation):
        read_derivation({**STRONG, **change})

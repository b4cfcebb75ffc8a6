"""Proofs: true ones are accepted, changed ones are not."""

import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from gateways.client.errors import ProofError, ProofFault
from gateways.client.proofs import Anchor, get_genesis_anchor, verify_proof
from schemas.codec import decode, encode
from schemas.generated.common import Amount, Signature
from schemas.generated.entries import Balance
from schemas.generated.keys import KeyBytes, balance_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader, StateProof
from streams.ledger import state_trie
from streams.ledger.hashes import compute_hash
from tests.gateways.support import encode_genesis
from tests.support.network import Network, make_economy, make_genesis

ECONOMY = make_economy(("alice", "bob", *(f"person {i}" for i in range(40))))


def prove(network: Network, key: KeyBytes) -> dict[str, Any]:
    """As a core node answers."""
    record, entry = network.records[-1], network.ledger.state.encoded.get(key)
    return {
        "header": record.header.hex(),
        "certificate": encode(record.certificate).hex(),
        "entry": None if entry is None else entry.hex(),
        "proof": encode(state_trie.prove(network.ledger.trie, compute_hash(key))).hex(),
    }


def get_anchor(network: Network) -> Anchor:
    return get_genesis_anchor(encode_genesis(network), network.genesis_hash)


ALICE = balance_key(ECONOMY.get_balance_id("alice", "EUR"))
NOBODY = balance_key(ECONOMY.get_balance_id("nobody", "EUR"))


def test_a_balance_is_proved_from_the_genesis() -> None:
    proved = verify_proof(prove(ECONOMY, ALICE), get_anchor(ECONOMY), ALICE)
    assert isinstance(proved.entry, Balance)
    assert proved.entry.amount == 1_000_000
    assert proved.sequence == ECONOMY.ledger.header.sequence
    assert proved.header_hash == ECONOMY.ledger.header_hash
    assert proved.signed_by == 3


def test_absence_is_proved_too() -> None:
    proved = verify_proof(prove(ECONOMY, NOBODY), get_anchor(ECONOMY), NOBODY)
    assert proved.entry is None


def test_the_genesis_needs_no_certificate() -> None:
    network = Network()
    key = KeyBytes(b"\x00")
    assert verify_proof(prove(network, key), get_anchor(network), key).entry is not None


def test_any_changed_byte_is_detected() -> None:
    good, anchor = prove(ECONOMY, ALICE), get_anchor(ECONOMY)
    for name in ("header", "certificate", "entry", "proof"):
        raw = bytes.fromhex(good[name])
        for at in range(0, len(raw), max(1, len(raw) // 60)):
            touched = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            with pytest.raises(ProofError):
                verify_proof({**good, name: touched.hex()}, anchor, ALICE)


def test_lies_are_detected() -> None:
    good, anchor = prove(ECONOMY, ALICE), get_anchor(ECONOMY)
    entry = decode(LedgerEntry, bytes.fromhex(good["entry"]))
    assert isinstance(entry.data, Balance)
    richer = encode(LedgerEntry(replace(entry.data, amount=Amount(10**9))))
    certificate = decode(Certificate, bytes.fromhex(good["certificate"]))
    few = encode(Certificate(certificate.signatures[:2]))
    twice = encode(Certificate((*certificate.signatures[:2], certificate.signatures[1])))
    unsigned = encode(
        Certificate(
            tuple(replace(s, signature=Signature(bytes(64))) for s in certificate.signatures)
        )
    )
    header = decode(LedgerHeader, bytes.fromhex(good["header"]))
    forged = encode(replace(header, state_root=compute_hash(b"mine")))
    lies: list[dict[str, Any]] = [
        {"entry": richer.hex()},
        {"entry": None},
        {"certificate": few.hex()},
        {"certificate": twice.hex()},
        {"certificate": unsigned.hex()},
        {"header": forged.hex()},
        {"proof": encode(StateProof((), ())).hex()},
        {"proof": "zz"},
        prove(ECONOMY, NOBODY),
    ]
    for lie in lies:
        with pytest.raises(ProofError):
            verify_proof({**good, **lie}, anchor, ALICE)
    with pytest.raises(ProofError) as refused:
        verify_proof({}, anchor, ALICE)
    assert refused.value.fault is ProofFault.UNREADABLE


def test_another_genesis_proves_nothing() -> None:
    other = Network(make_genesis(validators=5))
    good = prove(ECONOMY, ALICE)
    with pytest.raises(ProofError):
        verify_proof(good, get_anchor(other), ALICE)
    with pytest.raises(ProofError) as refused:
        get_genesis_anchor(encode_genesis(other), ECONOMY.genesis_hash)
    assert refused.value.fault is ProofFault.WRONG_GENESIS
    with pytest.raises(ProofError):
        get_genesis_anchor(b"{}")
    anchor = get_anchor(ECONOMY)
    with pytest.raises(ProofError) as refused:
        verify_proof(good, dataclasses.replace(anchor, network_id=compute_hash(b"x")), ALICE)
    assert refused.value.fault is ProofFault.WRONG_NETWORK
    with pytest.raises(ProofError) as refused:
        verify_proof(good, dataclasses.replace(anchor, sequence=99), ALICE)
    assert refused.value.fault is ProofFault.WRONG_LEDGER

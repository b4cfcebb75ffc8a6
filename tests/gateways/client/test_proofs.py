"""Proofs: true ones are accepted, changed ones are not."""

import base64
import dataclasses
from typing import Any

import pytest
from msgspec.structs import replace

from gateways.client.errors import ProofError, ProofFault
from gateways.client.proofs import (
    Anchor,
    get_genesis_anchor,
    verify_balance_proof,
    verify_entry,
    verify_header,
)
from schemas.codec import decode, encode
from schemas.generated.common import Amount, BalanceID, Signature
from schemas.generated.entries import Asset, Balance
from schemas.generated.keys import KeyBytes, asset_key, balance_key
from schemas.generated.ledger import Certificate, LedgerEntry, LedgerHeader, StateProof
from streams.ledger import state_trie
from streams.ledger.hashes import compute_hash
from tests.gateways.support import encode_genesis
from tests.support.network import Network, create_asset, make_economy, make_genesis

ECONOMY = make_economy(("alice", "bob", *(f"person {i}" for i in range(40))))
ECONOMY.apply("issuer", create_asset("USD"))


def show(data: bytes) -> str:
    return base64.b64encode(data).decode()


def read(text: str) -> bytes:
    return base64.b64decode(text)


def prove_entry(network: Network, key: KeyBytes) -> dict[str, Any]:
    entry = network.ledger.state.encoded.get(key)
    return {
        "key": show(key),
        "entry": None if entry is None else show(entry),
        "proof": show(encode(state_trie.prove(network.ledger.trie, compute_hash(key)))),
    }


def prove_header(network: Network) -> dict[str, Any]:
    record = network.records[-1]
    return {"header": show(record.header), "certificate": show(encode(record.certificate))}


def prove(network: Network, balance_id: BalanceID, asset: str | None = "EUR") -> dict[str, Any]:
    """As Horizon answers."""
    return {
        **prove_header(network),
        "balance_entry": prove_entry(network, balance_key(balance_id)),
        "asset_entry": None if asset is None else prove_entry(network, asset_key(asset)),
    }


def get_anchor(network: Network) -> Anchor:
    return get_genesis_anchor(encode_genesis(network), network.genesis_hash)


ALICE = ECONOMY.get_balance_id("alice", "EUR")
NOBODY = ECONOMY.get_balance_id("nobody", "EUR")


def test_a_balance_and_its_decimals_are_proved_from_the_genesis() -> None:
    proved = verify_balance_proof(prove(ECONOMY, ALICE), get_anchor(ECONOMY), ALICE)
    assert proved.balance is not None
    assert proved.balance.amount == 1_000_000
    assert (proved.available, proved.locked) == ("10000.00", "0.00")
    assert proved.header.sequence == ECONOMY.ledger.header.sequence
    assert proved.header.header_hash == ECONOMY.ledger.header_hash
    assert proved.header.signed_by == 3


def test_absence_is_proved_too() -> None:
    proved = verify_balance_proof(prove(ECONOMY, NOBODY, None), get_anchor(ECONOMY), NOBODY)
    assert proved.balance is None
    assert proved.asset is None


def test_the_genesis_needs_no_certificate() -> None:
    network = Network()
    key = KeyBytes(b"\x00")
    header = verify_header(prove_header(network), get_anchor(network))
    assert verify_entry(prove_entry(network, key), header, key) is not None


def touch(attributes: dict[str, Any], path: tuple[str, ...], text: str | None) -> dict[str, Any]:
    """With another text at `path`."""
    name, *rest = path
    changed = touch(attributes[name], tuple(rest), text) if rest else text
    return {**attributes, name: changed}


VERIFIED = (
    ("header",),
    ("certificate",),
    *((each, name) for each in ("balance_entry", "asset_entry") for name in ("entry", "proof")),
)


@pytest.mark.parametrize("path", VERIFIED, ids=".".join)
def test_any_changed_byte_is_detected(path: tuple[str, ...]) -> None:
    good, anchor = prove(ECONOMY, ALICE), get_anchor(ECONOMY)
    text = good[path[0]] if len(path) == 1 else good[path[0]][path[1]]
    raw = read(text)
    for at in range(0, len(raw), max(1, len(raw) // 60)):
        touched = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        with pytest.raises(ProofError):
            verify_balance_proof(touch(good, path, show(touched)), anchor, ALICE)


def test_lies_are_detected() -> None:
    good, anchor = prove(ECONOMY, ALICE), get_anchor(ECONOMY)
    balance = decode(LedgerEntry, read(good["balance_entry"]["entry"])).data
    asset = decode(LedgerEntry, read(good["asset_entry"]["entry"])).data
    assert isinstance(balance, Balance)
    assert isinstance(asset, Asset)
    richer = encode(LedgerEntry(replace(balance, amount=Amount(10**9))))
    finer = encode(LedgerEntry(replace(asset, trailing_digits=0)))
    certificate = decode(Certificate, read(good["certificate"]))
    few = encode(Certificate(certificate.signatures[:2]))
    twice = encode(Certificate((*certificate.signatures[:2], certificate.signatures[1])))
    unsigned = encode(
        Certificate(
            tuple(replace(s, signature=Signature(bytes(64))) for s in certificate.signatures)
        )
    )
    header = decode(LedgerHeader, read(good["header"]))
    forged = encode(replace(header, state_root=compute_hash(b"mine")))
    lies: list[dict[str, Any]] = [
        touch(good, ("balance_entry", "entry"), show(richer)),
        touch(good, ("balance_entry", "entry"), None),
        touch(good, ("balance_entry", "proof"), show(encode(StateProof((), ())))),
        touch(good, ("balance_entry", "proof"), "zz"),
        touch(good, ("asset_entry", "entry"), show(finer)),
        touch(good, ("asset_entry", "entry"), None),
        {**good, "asset_entry": None},
        {**good, "certificate": show(few)},
        {**good, "certificate": show(twice)},
        {**good, "certificate": show(unsigned)},
        {**good, "header": show(forged)},
        prove(ECONOMY, NOBODY),
        prove(ECONOMY, ALICE, "USD"),
        prove(ECONOMY, ALICE, "XXX"),
    ]
    for lie in lies:
        with pytest.raises(ProofError):
            verify_balance_proof(lie, anchor, ALICE)
    with pytest.raises(ProofError) as refused:
        verify_balance_proof({}, anchor, ALICE)
    assert refused.value.fault is ProofFault.UNREADABLE


def test_another_genesis_proves_nothing() -> None:
    other = Network(make_genesis(validators=5))
    good = prove(ECONOMY, ALICE)
    with pytest.raises(ProofError):
        verify_balance_proof(good, get_anchor(other), ALICE)
    with pytest.raises(ProofError) as refused:
        get_genesis_anchor(encode_genesis(other), ECONOMY.genesis_hash)
    assert refused.value.fault is ProofFault.WRONG_GENESIS
    with pytest.raises(ProofError):
        get_genesis_anchor(b"{}")
    anchor = get_anchor(ECONOMY)
    elsewhere = dataclasses.replace(anchor, network_id=compute_hash(b"x"))
    with pytest.raises(ProofError) as refused:
        verify_balance_proof(good, elsewhere, ALICE)
    assert refused.value.fault is ProofFault.WRONG_NETWORK
    with pytest.raises(ProofError) as refused:
        verify_balance_proof(good, dataclasses.replace(anchor, sequence=99), ALICE)
    assert refused.value.fault is ProofFault.WRONG_LEDGER

"""Records verify from the genesis on, and every forgery is found."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from schemas.codec import decode, encode
from schemas.generated.common import Hash, Signature
from schemas.generated.consensus import QuorumSet
from schemas.generated.entries import Validators, ValidatorsKey
from schemas.generated.ledger import (
    Certificate,
    EntryChange,
    HeaderSignature,
    LedgerBody,
    LedgerEntry,
    LedgerHeader,
    LedgerKey,
    LedgerRecord,
)
from streams.ledger.chain import (
    ChainPosition,
    ForgedLedger,
    compute_certificate,
    get_genesis_position,
    verify_record,
)
from streams.ledger.hashes import ZERO_HASH, compute_hash, compute_header_payload
from tests.support.network import Network, get_key, get_public_key, make_economy

Forge = Callable[[LedgerRecord], LedgerRecord]


def walk(network: Network) -> list[ChainPosition]:
    """The positions before each record and after the last."""
    positions = [get_genesis_position(network.network_id)]
    for record in network.records:
        positions.append(verify_record(positions[-1], record, network.genesis_hash).position)
    return positions


def sign(network_id: Hash, header: LedgerHeader, *numbers: int) -> Certificate:
    """By the validators of these numbers, in ascending order of their keys."""
    header_hash = compute_hash(encode(header))
    payload = compute_header_payload(network_id, header.sequence, header_hash)
    names = [f"validator {number}" for number in numbers]
    made = [
        HeaderSignature(get_public_key(n), Signature(get_key(n).sign(payload).signature))
        for n in names
    ]
    return Certificate(tuple(sorted(made, key=lambda each: each.node_id)))


def with_signatures(record: LedgerRecord, *signatures: HeaderSignature) -> LedgerRecord:
    return replace(record, certificate=Certificate(signatures))


def with_header(record: LedgerRecord, **changes: object) -> LedgerRecord:
    """Another header, truly signed by enough validators: only its own content is wrong."""
    header = replace(decode(LedgerHeader, record.header), **changes)
    certificate = sign(header.network_id, header, 0, 1, 2)
    return replace(record, header=encode(header), certificate=certificate)


def break_signature(record: LedgerRecord) -> LedgerRecord:
    first, *others = record.certificate.signatures
    return with_signatures(record, replace(first, signature=Signature(bytes(64))), *others)


def swap_signatures(record: LedgerRecord) -> LedgerRecord:
    first, second, *others = record.certificate.signatures
    return with_signatures(
        record,
        replace(first, signature=second.signature),
        replace(second, signature=first.signature),
        *others,
    )


def drop_signer(record: LedgerRecord) -> LedgerRecord:
    return with_signatures(record, *record.certificate.signatures[1:])


def repeat_signer(record: LedgerRecord) -> LedgerRecord:
    first, second, _ = record.certificate.signatures
    return with_signatures(record, first, first, second)


def reorder_signers(record: LedgerRecord) -> LedgerRecord:
    return with_signatures(record, *reversed(record.certificate.signatures))


def add_stranger(record: LedgerRecord) -> LedgerRecord:
    header = decode(LedgerHeader, record.header)
    return replace(record, certificate=sign(header.network_id, header, 0, 1, 2, 99))


def change_quorum_set(record: LedgerRecord) -> LedgerRecord:
    """Signed by enough strangers, who say that they are the quorum set now."""
    strangers = tuple(sorted(get_public_key(f"validator {n}") for n in (90, 91, 92)))
    quorum_set = QuorumSet(2, strangers, ())
    body = decode(LedgerBody, record.body)
    change = EntryChange(LedgerKey(ValidatorsKey()), None, LedgerEntry(Validators(quorum_set)))
    raw = encode(replace(body, changes=(change,)))
    header = replace(
        decode(LedgerHeader, record.header),
        body_hash=compute_hash(raw),
        quorum_set_hash=compute_hash(encode(quorum_set)),
    )
    return LedgerRecord(encode(header), sign(header.network_id, header, 90, 91, 92), raw)


FORGERIES: dict[str, tuple[Forge, str]] = {
    "a false signature": (break_signature, "signature of the certificate is false"),
    "signatures of one another": (swap_signatures, "signature of the certificate is false"),
    "too few": (drop_signer, "too few validators"),
    "one signer twice": (repeat_signer, "not ascending"),
    "signers in another order": (reorder_signers, "not ascending"),
    "a stranger": (add_stranger, "a stranger signed"),
    "no certificate": (with_signatures, "too few validators"),
    "strangers as the new quorum set": (change_quorum_set, "a stranger signed"),
    "another body": (lambda r: replace(r, body=r.body + b"\x00"), "the body is not the header's"),
    "no body": (lambda r: replace(r, body=b""), "the body is not the header's"),
    "a header cut short": (lambda r: replace(r, header=r.header[:-1]), "cannot be read"),
    "a header with more": (lambda r: replace(r, header=r.header + b"\x00"), "cannot be read"),
    "another network": (
        lambda r: with_header(r, network_id=Hash(bytes(32))),
        "of another network",
    ),
    "another predecessor": (
        lambda r: with_header(r, previous_header_hash=ZERO_HASH),
        "builds on another ledger",
    ),
    "an earlier time": (lambda r: with_header(r, close_time_ms=1), "does not pass the last"),
    "another sequence": (lambda r: with_header(r, sequence=77), "where 5 was due"),
    "another quorum set without a change": (
        lambda r: with_header(r, quorum_set_hash=ZERO_HASH),
        "the new quorum set is not in its changes",
    ),
}


def test_a_chain_verifies_from_its_genesis() -> None:
    network = make_economy()
    last = walk(network)[-1]
    assert (last.sequence, last.header_hash) == (5, network.ledger.header_hash)
    assert last.quorum_set == network.ledger.state.get_validators().quorum_set


@pytest.mark.parametrize(("forge", "message"), FORGERIES.values(), ids=FORGERIES)
def test_a_forgery_is_found(forge: Forge, message: str) -> None:
    network = make_economy()
    position = walk(network)[-2]
    with pytest.raises(ForgedLedger, match=message):
        verify_record(position, forge(network.records[-1]))


def test_a_gap_a_repeat_and_another_genesis_are_found() -> None:
    network = make_economy()
    positions = walk(network)
    with pytest.raises(ForgedLedger, match="ledger 5 where 4 was due"):
        verify_record(positions[3], network.records[4])
    with pytest.raises(ForgedLedger, match="ledger 5 where 6 was due"):
        verify_record(positions[5], network.records[4])
    for pinned in (None, ZERO_HASH):
        with pytest.raises(ForgedLedger, match="not the pinned one"):
            verify_record(positions[0], network.records[0], pinned)


def test_a_change_of_the_quorum_set_is_followed_once_the_old_one_certified_it() -> None:
    network = make_economy()
    position = walk(network)[-2]
    forged = change_quorum_set(network.records[-1])
    header = decode(LedgerHeader, forged.header)
    true = replace(forged, certificate=sign(header.network_id, header, 0, 1, 2))
    after = verify_record(position, true).position
    assert compute_hash(encode(after.quorum_set)) == header.quorum_set_hash
    assert after.quorum_set.threshold == 2


def test_a_certificate_is_made_of_members_once_they_satisfy_the_set() -> None:
    network = make_economy()
    quorum_set = network.ledger.state.get_validators().quorum_set
    signature = Signature(bytes(64))
    signed = {get_public_key(f"validator {n}"): signature for n in (0, 1, 90)}
    assert compute_certificate(quorum_set, signed) is None
    signed[get_public_key("validator 3")] = signature
    certificate = compute_certificate(quorum_set, signed)
    assert certificate is not None
    nodes = [each.node_id for each in certificate.signatures]
    assert nodes == sorted(get_public_key(f"validator {n}") for n in (0, 1, 3))

"""What a ledgers topic may tell instead of a true record, and what the feed calls it."""

import random
from collections.abc import Callable

from msgspec.structs import replace

from schemas.codec import decode, encode, frame
from schemas.generated.common import Hash, Signature
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerHeader, LedgerRecord
from streams.ledger.hashes import compute_hash, compute_header_payload
from tests.processors.economies import make_busy_network, make_varied_network
from tests.support.network import get_key, get_public_key

NETWORK = make_varied_network()
OTHER = make_busy_network(16)  # the same economy, another history
RECORDS = NETWORK.records
COMMON = 5  # ledgers of both
Value = LedgerRecord | bytes
Lie = Callable[[LedgerRecord, random.Random], Value]


def flip(data: bytes, chance: random.Random) -> bytes:
    """One bit of it is another."""
    place = chance.randrange(len(data))
    return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def falsify_signature(record: LedgerRecord, chance: random.Random) -> LedgerRecord:
    signatures = list(record.certificate.signatures)
    place = chance.randrange(len(signatures))
    node, signature = signatures[place].node_id, signatures[place].signature
    signatures[place] = HeaderSignature(node, Signature(flip(signature, chance)))
    return replace(record, certificate=Certificate(tuple(signatures)))


def drop_signature(record: LedgerRecord, chance: random.Random) -> LedgerRecord:
    signatures = list(record.certificate.signatures)
    del signatures[chance.randrange(len(signatures))]
    return replace(record, certificate=Certificate(tuple(signatures)))


def sign_as_strangers(record: LedgerRecord, _: random.Random) -> LedgerRecord:
    header = decode(LedgerHeader, record.header)
    payload = compute_header_payload(
        NETWORK.network_id, header.sequence, compute_hash(record.header)
    )
    signatures = [
        HeaderSignature(get_public_key(name), Signature(get_key(name).sign(payload).signature))
        for name in ("stranger 1", "stranger 2", "stranger 3")
    ]
    ordered = tuple(sorted(signatures, key=lambda each: each.node_id))
    return replace(record, certificate=Certificate(ordered))


def take_the_last_certificate(record: LedgerRecord, _: random.Random) -> LedgerRecord:
    place = RECORDS.index(record)
    return replace(record, certificate=RECORDS[place - 1].certificate)


def change_body(record: LedgerRecord, chance: random.Random) -> LedgerRecord:
    return replace(record, body=flip(record.body, chance))


def change_body_and_header(record: LedgerRecord, chance: random.Random) -> LedgerRecord:
    """The header fits the body; only the validators never signed it."""
    body = flip(record.body, chance)
    header = replace(decode(LedgerHeader, record.header), body_hash=compute_hash(body))
    return LedgerRecord(encode(header), record.certificate, body)


def build_on_another(record: LedgerRecord, _: random.Random) -> LedgerRecord:
    header = decode(LedgerHeader, record.header)
    forged = replace(header, previous_header_hash=Hash(bytes(32)))
    return replace(record, header=encode(forged))


def tell_of_another_network(record: LedgerRecord, _: random.Random) -> LedgerRecord:
    header = replace(decode(LedgerHeader, record.header), network_id=Hash(bytes(32)))
    return replace(record, header=encode(header))


def truncate(record: LedgerRecord, chance: random.Random) -> bytes:
    data = frame(record)
    return data[: chance.randrange(len(data))]


LIES: dict[str, tuple[Lie, str]] = {
    "a false signature": (falsify_signature, "a signature of the certificate is false"),
    "a certificate one signature short": (drop_signature, "too few validators"),
    "strangers' signatures": (sign_as_strangers, "a stranger signed"),
    "another ledger's certificate": (take_the_last_certificate, "of the certificate is false"),
    "another body under a true header": (change_body, "the body is not the header's"),
    "a forged ledger": (change_body_and_header, "a signature of the certificate is false"),
    "a ledger on another ledger": (build_on_another, "it builds on another ledger"),
    "another network's ledger": (tell_of_another_network, "it is of another network"),
    "a truncated record": (truncate, "a record cannot be read"),
    "another ledger under its number": (
        lambda record, _: OTHER.records[RECORDS.index(record)],
        "it builds on another ledger",
    ),
}

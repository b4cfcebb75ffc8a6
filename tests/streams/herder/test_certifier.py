"""Header signatures become certificates; a quorum that signs something else stops the node."""

import pytest

from schemas.generated.common import Hash, Signature
from schemas.generated.ledger import Certificate, HeaderSignature, LedgerRecord
from schemas.generated.overlay import CertificateReply, SignedHeader
from streams.herder.certifier import AHEAD_MAX, Certifier
from streams.herder.outputs import Certified, ReadCertificates
from streams.herder.restored import RestoredHeader
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_header_payload
from tests.support.network import get_key, get_public_key, make_economy

NETWORK = make_economy()
CLOSED = NETWORK.close()
QUORUM_SET = NETWORK.ledger.state.get_validators().quorum_set
LAST = NETWORK.ledger.header.sequence
OURS, THEIRS = NETWORK.ledger.header_hash, Hash(b"\x07" * 32)


def sign(number: int, header_hash: Hash = OURS, sequence: int = LAST) -> SignedHeader:
    name = f"validator {number}"
    payload = compute_header_payload(NETWORK.network_id, sequence, header_hash)
    signature = Signature(get_key(name).sign(payload).signature)
    return SignedHeader(sequence, header_hash, HeaderSignature(get_public_key(name), signature))


def make_certifier() -> Certifier:
    """Of validator 0, which has just closed the last ledger."""
    certifier = Certifier(NETWORK.network_id, get_key("validator 0"))
    assert certifier.add_closed(CLOSED, QUORUM_SET, certifier.sign(LAST, OURS)) == []
    return certifier


def test_enough_signatures_make_a_certificate_once() -> None:
    certifier = make_certifier()
    assert certifier.receive_signature(sign(1), LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(1), LAST, QUORUM_SET) == []
    (certified,) = certifier.receive_signature(sign(2), LAST, QUORUM_SET)
    assert isinstance(certified, Certified)
    assert len(certified.certificate.signatures) == 3
    assert certified.record == LedgerRecord(CLOSED.header_bytes, certified.certificate, CLOSED.body)
    assert not certifier.uncertified
    assert certifier.receive_signature(sign(3), LAST, QUORUM_SET) == []


def test_signatures_that_came_before_the_ledger_count() -> None:
    certifier = Certifier(NETWORK.network_id, get_key("validator 0"))
    for number in (1, 2):
        assert certifier.receive_signature(sign(number), LAST - 1, QUORUM_SET) == []
    assert certifier.add_closed(CLOSED, QUORUM_SET, sign(0).signature) != []


def test_a_watcher_certifies_by_the_signatures_of_others() -> None:
    certifier = Certifier(NETWORK.network_id, get_key("validator 0"))
    assert certifier.add_closed(CLOSED, QUORUM_SET, None) == []
    made = [certifier.receive_signature(sign(n), LAST, QUORUM_SET) for n in range(3)]
    assert [each != [] for each in made] == [False, False, True]


@pytest.mark.parametrize(
    "message",
    [
        sign(99),
        sign(1, sequence=LAST - 1),
        sign(1, sequence=LAST + AHEAD_MAX + 1),
        SignedHeader(
            LAST, OURS, HeaderSignature(get_public_key("validator 1"), Signature(bytes(64)))
        ),
        SignedHeader(LAST, THEIRS, sign(1).signature),
    ],
    ids=["a stranger", "an old ledger", "far ahead", "false", "of another header"],
)
def test_what_is_of_no_use_is_dropped(message: SignedHeader) -> None:
    certifier = make_certifier()
    assert certifier.receive_signature(message, LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(2), LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(3), LAST, QUORUM_SET) != []


def test_one_liar_is_outvoted() -> None:
    certifier = make_certifier()
    assert certifier.receive_signature(sign(1, THEIRS), LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(2), LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(3), LAST, QUORUM_SET) != []


def test_a_v_blocking_set_that_signs_another_header_stops_the_node() -> None:
    certifier = make_certifier()
    certifier.receive_signature(sign(1, THEIRS), LAST, QUORUM_SET)
    with pytest.raises(InvariantViolation, match="2 validators signed"):
        certifier.receive_signature(sign(2, THEIRS), LAST, QUORUM_SET)


def test_so_do_signatures_that_came_before_it_closed_the_ledger() -> None:
    certifier = Certifier(NETWORK.network_id, get_key("validator 0"))
    for number in (1, 2):
        certifier.receive_signature(sign(number, THEIRS), LAST - 1, QUORUM_SET)
    with pytest.raises(InvariantViolation, match="stops rather than follow"):
        certifier.add_closed(CLOSED, QUORUM_SET, sign(0).signature)


def test_a_ledger_closed_before_a_restart_is_certified_without_its_record() -> None:
    certifier = Certifier(NETWORK.network_id, get_key("validator 0"))
    restored = RestoredHeader(LAST, OURS, sign(0).signature)
    assert certifier.restore(restored, QUORUM_SET) == []
    certifier.receive_signature(sign(1), LAST, QUORUM_SET)
    (certified,) = certifier.receive_signature(sign(2), LAST, QUORUM_SET)
    assert isinstance(certified, Certified)
    assert certified.record is None


def test_what_peers_have_archived_comes_from_an_archive() -> None:
    certifier = make_certifier()
    assert certifier.note_archived(LAST) == []
    assert certifier.note_archived(LAST + 1) == [ReadCertificates(LAST, LAST)]
    certificate = Certificate(tuple(sign(number).signature for number in range(3)))
    reply = CertificateReply(LAST, OURS, certificate)
    (certified,) = certifier.take_certificate(reply, LAST, QUORUM_SET)
    assert isinstance(certified, Certified)
    assert certifier.note_archived(LAST + 1) == []


def test_who_signed_another_header_too_counts_by_a_certificate() -> None:
    certifier = make_certifier()
    assert certifier.receive_signature(sign(1, THEIRS), LAST, QUORUM_SET) == []
    assert certifier.receive_signature(sign(2), LAST, QUORUM_SET) == []
    certificate = Certificate(tuple(sign(number).signature for number in range(3)))
    reply = CertificateReply(LAST, OURS, certificate)
    (certified,) = certifier.take_certificate(reply, LAST, QUORUM_SET)
    assert isinstance(certified, Certified)
    assert certifier.receive_signature(sign(3, THEIRS), LAST, QUORUM_SET) == []

"""The handshake without sockets: two honest sides agree, everything else is found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from streams.node.overlay import handshake
from streams.node.overlay.handshake import Agreement, Handshake, Opener, Sealer
from streams.node.overlay.interface import PeerError, Reason
from tests.streams.node.overlay.support import IDS, KEYS, NETWORK_ID

Side = tuple[Sealer, Opener]


def make_agreements(
    dialling: Handshake | None = None, called: Handshake | None = None
) -> tuple[Agreement, Agreement]:
    dialling = dialling or Handshake(NETWORK_ID, KEYS[0], True)
    called = called or Handshake(NETWORK_ID, KEYS[1], False)
    return dialling.agree(called.hello.encoded), called.agree(dialling.hello.encoded)


def make_sides() -> tuple[Side, Side]:
    dialling, called = make_agreements()
    assert dialling.peer == IDS[1]
    assert called.peer == IDS[0]
    proof, sealer = dialling.make_proof()
    others_proof, others_sealer = called.make_proof()
    return (sealer, dialling.receive_proof(others_proof)), (
        others_sealer,
        called.receive_proof(proof),
    )


def expect(reason: Reason, error: pytest.ExceptionInfo[PeerError]) -> None:
    assert error.value.reason is reason


def test_what_one_side_seals_the_other_opens() -> None:
    sides = make_sides()
    for i in range(100):
        content = bytes([i]) * i
        for (sealer, _), (_, opener) in (sides, sides[::-1]):
            record = sealer.seal(content)
            assert int.from_bytes(record[:4], "big") == len(record) - 4
            assert content not in record or i < 3
            assert opener.open(record[4:]) == content


def test_no_two_sessions_share_a_byte_of_traffic() -> None:
    (first, _), (second, _) = make_sides()
    (third, _), _ = make_sides()
    assert len({sealer.seal(b"the same")[4:] for sealer in (first, second, third)}) == 3


@given(st.integers(0, 10**6), st.integers(0, 7))
def test_an_altered_record_is_not_opened(at: int, bit: int) -> None:
    (sealer, _), (_, opener) = make_sides()
    sealed = bytearray(sealer.seal(b"pay Bob")[4:])
    sealed[at % len(sealed)] ^= 1 << bit
    with pytest.raises(PeerError) as error:
        opener.open(bytes(sealed))
    expect(Reason.TAMPERED, error)


@pytest.mark.parametrize("order", [(0, 0), (1,), (1, 0), (0, 2), (0, 1, 1), (0, 1, 0)])
def test_repeated_reordered_and_missing_records_are_found(order: tuple[int, ...]) -> None:
    (sealer, _), (_, opener) = make_sides()
    records = [sealer.seal(b"record %d" % i)[4:] for i in range(3)]
    opened = list[bytes]()
    with pytest.raises(PeerError) as error:
        opened.extend(opener.open(records[at]) for at in order)
    expect(Reason.TAMPERED, error)
    assert opened == [b"record %d" % i for i in range(len(opened))]


@pytest.mark.parametrize("sealed", [b"", b"short", bytes(17), bytes(100)])
def test_bytes_that_are_no_record_are_refused(sealed: bytes) -> None:
    _, (_, opener) = make_sides()
    with pytest.raises(PeerError) as error:
        opener.open(sealed)
    expect(Reason.TAMPERED, error)


def test_a_record_sent_back_to_its_author_is_refused() -> None:
    (sealer, opener), _ = make_sides()
    with pytest.raises(PeerError):
        opener.open(sealer.seal(b"echo")[4:])


def test_a_handshake_needs_the_private_key() -> None:
    """Somebody calls himself node 0 and holds another key."""
    impostor = Handshake(NETWORK_ID, KEYS[2], True)
    claimed = handshake.encode_hello(NETWORK_ID, IDS[0], impostor.hello.ephemeral_key)
    impostor.hello = handshake.decode_hello(claimed)
    theirs, ours = make_agreements(dialling=impostor)
    assert ours.peer == IDS[0]
    with pytest.raises(PeerError) as error:
        ours.receive_proof(theirs.make_proof()[0])
    expect(Reason.NOT_AUTHENTIC, error)


@pytest.mark.parametrize("bit", [1, 128])
@pytest.mark.parametrize("is_dialling", [False, True])
def test_every_altered_byte_of_a_hello_is_found(is_dialling: bool, bit: int) -> None:
    for at in range(handshake.HELLO_BYTES):
        sides = [Handshake(NETWORK_ID, KEYS[0], True), Handshake(NETWORK_ID, KEYS[1], False)]
        altering, deceived = sides if is_dialling else sides[::-1]
        altered = bytearray(altering.hello.encoded)
        altered[at] ^= bit
        with pytest.raises(PeerError) as error:
            deceive(deceived, altering, bytes(altered))
        if at < len(handshake.MAGIC):
            expect(Reason.NOT_OVERLAY, error)
        elif at < len(handshake.MAGIC) + 32:
            expect(Reason.OTHER_NETWORK, error)
        else:
            expect(Reason.NOT_AUTHENTIC, error)


def deceive(deceived: Handshake, altering: Handshake, altered_hello: bytes) -> None:
    proof, _ = altering.agree(deceived.hello.encoded).make_proof()
    deceived.agree(altered_hello).receive_proof(proof)


def test_every_altered_byte_of_a_proof_is_found() -> None:
    for at in range(handshake.PROOF_BYTES):
        theirs, ours = make_agreements()
        proof = bytearray(theirs.make_proof()[0])
        proof[at] ^= 1
        with pytest.raises(PeerError) as error:
            ours.receive_proof(bytes(proof))
        expect(Reason.NOT_AUTHENTIC, error)


def test_another_network_is_refused_by_its_id_and_by_the_proof() -> None:
    stranger = Handshake(b"m" * 32, KEYS[0], True)
    with pytest.raises(PeerError) as error:
        Handshake(NETWORK_ID, KEYS[1], False).agree(stranger.hello.encoded)
    expect(Reason.OTHER_NETWORK, error)


def test_two_dialling_sides_cannot_be_joined() -> None:
    """A man in the middle is dialled by both and connects them to each other."""
    first, second = Handshake(NETWORK_ID, KEYS[0], True), Handshake(NETWORK_ID, KEYS[1], True)
    ours, theirs = first.agree(second.hello.encoded), second.agree(first.hello.encoded)
    with pytest.raises(PeerError) as error:
        ours.receive_proof(theirs.make_proof()[0])
    expect(Reason.NOT_AUTHENTIC, error)


def test_ones_own_proof_is_no_proof() -> None:
    """Hello and proof come back from a mirror."""
    side = Handshake(NETWORK_ID, KEYS[0], True)
    agreement = side.agree(side.hello.encoded)
    with pytest.raises(PeerError) as error:
        agreement.receive_proof(agreement.make_proof()[0])
    expect(Reason.NOT_AUTHENTIC, error)


def test_a_recorded_handshake_cannot_be_played_back() -> None:
    dialling = Handshake(NETWORK_ID, KEYS[0], True)
    first = Handshake(NETWORK_ID, KEYS[1], False)
    proof, _ = dialling.agree(first.hello.encoded).make_proof()
    first.agree(dialling.hello.encoded).receive_proof(proof)
    again = Handshake(NETWORK_ID, KEYS[1], False).agree(dialling.hello.encoded)
    with pytest.raises(PeerError) as error:
        again.receive_proof(proof)
    expect(Reason.NOT_AUTHENTIC, error)


@pytest.mark.parametrize(
    "key", [bytes(32), b"\1" + bytes(31), (2**255 - 20).to_bytes(32, "little")]
)
def test_ephemeral_keys_of_small_order_are_refused(key: bytes) -> None:
    hello = handshake.encode_hello(NETWORK_ID, IDS[0], key)
    with pytest.raises(PeerError) as error:
        Handshake(NETWORK_ID, KEYS[1], False).agree(hello)
    expect(Reason.NOT_AUTHENTIC, error)


@given(st.binary(max_size=150))
def test_garbage_is_no_hello(encoded: bytes) -> None:
    with pytest.raises(PeerError) as error:
        Handshake(NETWORK_ID, SigningKey(bytes(32)), False).agree(encoded)
    expect(Reason.NOT_OVERLAY, error)


def test_secrets_are_not_shown() -> None:
    agreement, _ = make_agreements()
    secret = bytes(KEYS[0])
    for shown in (repr(agreement), repr(Handshake(NETWORK_ID, KEYS[0], True))):
        assert secret.hex() not in shown
        assert repr(secret)[2:-1] not in shown

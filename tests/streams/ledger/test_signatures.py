"""ZIP 215 verification: its edge cases, computed here from the curve, and honest signatures."""

from collections.abc import Callable
from hashlib import sha512

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from streams.ledger.signatures import is_valid_signature

# The curve of RFC 8032 section 5.1, in affine coordinates: slow, short, plainly the definition.
P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
L = 2**252 + 27742317777372353535851937790883648493
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)
IDENTITY = (0, 1)
Point = tuple[int, int]


def decode_point(encoded: bytes) -> Point | None:
    """As ZIP 215 reads a point: y may exceed p, and x = 0 may carry a sign."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, (number & ((1 << 255) - 1)) % P
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_ONE % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P), y


def encode_point(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    return x, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def multiply(scalar: int, point: Point) -> Point:
    total = IDENTITY
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def find_point(encoded: bytes) -> Point:
    point = decode_point(encoded)
    assert point is not None
    return point


BASE = find_point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def compute_challenge(r: bytes, public_key: bytes, message: bytes) -> int:
    return int.from_bytes(sha512(r + public_key + message).digest(), "little") % L


def is_valid_by_definition(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """ZIP 215, rule by rule: 8 S B = 8 R + 8 k A."""
    r_bytes, s = signature[:32], int.from_bytes(signature[32:], "little")
    a, r = decode_point(public_key), decode_point(r_bytes)
    if a is None or r is None or s >= L:
        return False
    k = compute_challenge(r_bytes, public_key, message)
    return multiply(8 * s, BASE) == multiply(8, add(r, multiply(k, a)))


def list_small_order_points() -> list[Point]:
    """The eight points that eight times anything undoes, as multiples of one of order eight."""
    for y in range(2, 100):
        point = decode_point(y.to_bytes(32, "little"))
        generator = multiply(L, point) if point else IDENTITY
        if multiply(4, generator) != IDENTITY:
            return [multiply(i, generator) for i in range(8)]
    raise LookupError("no point of order eight below y = 100")


def list_small_order_encodings() -> list[bytes]:
    """All 14: eight canonical ones, and six by a y beyond p or a sign on x = 0."""
    encodings = []
    for x, y in list_small_order_points():
        for y_encoded in (y, y + P) if y + P < 1 << 255 else (y,):
            for sign in (0, 1) if x == 0 else (x & 1,):
                encodings.append((y_encoded | sign << 255).to_bytes(32, "little"))
    return encodings


SMALL_ORDER = list_small_order_encodings()


def test_the_vectors_are_what_the_proposal_counts() -> None:
    assert len(set(SMALL_ORDER)) == 14
    canonical = [e for e in SMALL_ORDER if encode_point(find_point(e)) == e]
    assert len(canonical) == 8
    assert all(multiply(8, find_point(encoding)) == IDENTITY for encoding in SMALL_ORDER)


@pytest.mark.parametrize("public_key", SMALL_ORDER, ids=bytes.hex)
def test_small_order_vectors_are_accepted(public_key: bytes) -> None:
    """The 196 signatures (R, 0) over "Zcash" of the proposal's test: valid, every one."""
    for r in SMALL_ORDER:
        signature = r + bytes(32)
        assert is_valid_by_definition(public_key, b"Zcash", signature)
        assert is_valid_signature(public_key, b"Zcash", signature)
        unreduced = r + L.to_bytes(32, "little")
        assert not is_valid_signature(public_key, b"Zcash", unreduced)


@pytest.mark.parametrize("torsion_a", range(0, 8, 3))
@pytest.mark.parametrize("torsion_r", range(8))
def test_mixed_order_is_verified_with_the_cofactor(torsion_a: int, torsion_r: int) -> None:
    points = list_small_order_points()
    public_key = encode_point(add(multiply(1234567, BASE), points[torsion_a]))
    r = encode_point(add(multiply(7654321, BASE), points[torsion_r]))
    challenge = compute_challenge(r, public_key, b"mixed")
    s = (7654321 + challenge * 1234567) % L
    signature = r + s.to_bytes(32, "little")
    assert is_valid_by_definition(public_key, b"mixed", signature)
    assert is_valid_signature(public_key, b"mixed", signature)
    wrong = r + ((s + 1) % L).to_bytes(32, "little")
    assert not is_valid_by_definition(public_key, b"mixed", wrong)
    assert not is_valid_signature(public_key, b"mixed", wrong)


def test_encodings_that_are_no_points_are_refused() -> None:
    key = SigningKey(bytes(32))
    public_key, signature = bytes(key.verify_key), key.sign(b"m").signature
    no_points = [y for y in range(100) if decode_point(y.to_bytes(32, "little")) is None]
    assert len(no_points) > 30
    for y in no_points:
        encoded = y.to_bytes(32, "little")
        assert not is_valid_signature(encoded, b"m", signature)
        assert not is_valid_signature(public_key, b"m", encoded + signature[32:])


@settings(max_examples=50)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_honest_signatures_are_accepted(seed: bytes, message: bytes) -> None:
    key = SigningKey(seed)
    public_key, signature = bytes(key.verify_key), key.sign(message).signature
    assert is_valid_signature(public_key, message, signature)
    assert not is_valid_signature(public_key, message + b"\0", signature)
    s_plus_order = int.from_bytes(signature[32:], "little") + L
    malleable = signature[:32] + s_plus_order.to_bytes(32, "little")
    assert not is_valid_signature(public_key, message, malleable)


def test_every_flipped_bit_is_refused() -> None:
    key = SigningKey(bytes(range(32)))
    public_key, message = bytes(key.verify_key), b"pay Bob"
    signature = key.sign(message).signature
    assert is_valid_signature(public_key, message, signature)
    verifiers: list[tuple[bytes, Callable[[bytes], bool]]] = [
        (signature, lambda altered: is_valid_signature(public_key, message, altered)),
        (public_key, lambda altered: is_valid_signature(altered, message, signature)),
        (message, lambda altered: is_valid_signature(public_key, altered, signature)),
    ]
    for whole, verify in verifiers:
        for bit in range(8 * len(whole)):
            altered = bytearray(whole)
            altered[bit // 8] ^= 1 << bit % 8
            assert not verify(bytes(altered))


@settings(max_examples=25, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64), st.binary())
def test_random_bytes_are_judged_as_defined(public_key: bytes, signature: bytes, m: bytes) -> None:
    judged = is_valid_signature(public_key, m, signature)
    assert judged == is_valid_by_definition(public_key, m, signature)


@given(st.binary(max_size=100), st.binary(max_size=100), st.binary(max_size=200))
def test_garbage_of_any_length_is_no_signature(a: bytes, m: bytes, signature: bytes) -> None:
    if (len(a), len(signature)) != (32, 64):
        assert not is_valid_signature(a, m, signature)
    assert is_valid_signature(a, m, signature) is is_valid_signature(a, m, signature)

"""The signature profile: round trips, another implementation, and what must not pass."""

import base64
import datetime
import random
from dataclasses import replace

import httpx2
import pytest
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureComponentResolver,
    HTTPSignatureKeyResolver,
    algorithms,
)
from nacl.signing import SigningKey

from gateways.http.signatures import (
    LIFETIME_SECONDS,
    SKEW_SECONDS,
    TAG,
    Message,
    SignatureError,
    SignatureExpired,
    SignatureMissing,
    Signed,
    compute_content_digest,
    get_authority,
    sign_message,
    verify_message,
)
from schemas.strkey import encode_account_id
from tests.gateways.http.tampering import KINDS, Signing
from tests.support.network import get_key, get_public_key

NOW = 1_800_000_000
NONCE = "0123456789abcdefghijkl"
MESSAGE = Message("GET", "gate.example:8443", "/v3/history", "order=asc&page%5Blimit%5D=2")


def encode_headers(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


def verify(message: Message, headers: dict[str, str], now: int = NOW) -> Signed:
    return verify_message(message, encode_headers(headers), now)


@pytest.mark.parametrize(
    "message",
    [
        MESSAGE,
        replace(MESSAGE, query=""),
        replace(MESSAGE, method="POST", content=b"\x00\xff" * 500),
        replace(MESSAGE, path="/v3/x%2fy/%E2%82%AC"),
    ],
)
def test_what_is_signed_is_verified(message: Message) -> None:
    headers = sign_message(message, get_key("alice"), NOW, NONCE)
    assert verify(message, headers) == Signed(get_public_key("alice"), NONCE, NOW)


def test_the_bytes_of_one_signature() -> None:
    """For those who write a client of their own."""
    headers = sign_message(MESSAGE, SigningKey(bytes(range(32))), NOW, NONCE)
    address = encode_account_id(bytes(SigningKey(bytes(range(32))).verify_key))
    assert headers["Content-Digest"] == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    parameters = (
        '("@method" "@authority" "@path" "@query" "content-digest")'
        f';created={NOW};keyid="{address}";alg="ed25519";nonce="{NONCE}";tag="tokend"'
    )
    base = (
        '"@method": GET\n"@authority": gate.example:8443\n"@path": /v3/history\n'
        '"@query": ?order=asc&page%5Blimit%5D=2\n'
        f'"content-digest": {headers["Content-Digest"]}\n"@signature-params": {parameters}'
    )
    signature = SigningKey(bytes(range(32))).sign(base.encode()).signature
    assert headers["Signature-Input"] == f"sig={parameters}"
    assert headers["Signature"] == f"sig=:{base64.b64encode(signature).decode()}:"


@pytest.mark.parametrize(
    ("created", "passes"),
    [
        (NOW, True),
        (NOW - LIFETIME_SECONDS, True),
        (NOW - LIFETIME_SECONDS - 1, False),
        (NOW + SKEW_SECONDS, True),
        (NOW + SKEW_SECONDS + 1, False),
        (0, False),
    ],
)
def test_the_window_is_exact(created: int, passes: bool) -> None:
    headers = sign_message(MESSAGE, get_key("alice"), created, NONCE)
    if passes:
        assert verify(MESSAGE, headers).created == created
        return
    with pytest.raises(SignatureExpired, match=str(NOW)):
        verify(MESSAGE, headers)


def test_a_missing_signature_is_not_an_invalid_one() -> None:
    with pytest.raises(SignatureMissing):
        verify(MESSAGE, {})
    headers = sign_message(MESSAGE, get_key("alice"), NOW, NONCE)
    with pytest.raises(SignatureError) as refused:
        verify(replace(MESSAGE, path="/v3/other"), headers)
    assert not isinstance(refused.value, SignatureMissing)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_tampered_with_passes(kind: str) -> None:
    chance = random.Random(kind)
    for number in range(200):
        message = replace(MESSAGE, method="PATCH", content=chance.randbytes(40))
        nonce = f"{number:030d}"
        good = Signing(message, get_key("alice"), NOW - chance.randint(0, 50), nonce).sign()
        assert verify(message, good.headers).nonce == nonce
        bad = KINDS[kind](good, chance)
        assert bad != good
        headers = [*encode_headers(bad.headers), *encode_headers(dict(bad.more))]
        with pytest.raises(SignatureError):
            verify_message(replace(bad.message, authority=message.authority), headers, NOW)


class Keys(HTTPSignatureKeyResolver):
    """Alice's, as the other implementation wants them."""

    def resolve_public_key(self, key_id: str) -> bytes:
        assert key_id == encode_account_id(get_public_key("alice"))
        return _to_pem_public()

    def resolve_private_key(self, key_id: str) -> bytes:
        return _to_pem_private()


def _to_pem_private() -> bytes:
    """PKCS 8 of an Ed25519 seed (RFC 8410, 7)."""
    raw = bytes.fromhex("302e020100300506032b657004220420") + bytes(get_key("alice"))
    return b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(raw) + b"\n-----END PRIVATE KEY-----"


def _to_pem_public() -> bytes:
    raw = bytes.fromhex("302a300506032b6570032100") + get_public_key("alice")
    return b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(raw) + b"\n-----END PUBLIC KEY-----"


def test_another_implementation_accepts_ours() -> None:
    created = int(datetime.datetime.now(datetime.UTC).timestamp())
    request = make_request()
    headers = sign_message(MESSAGE, get_key("alice"), created, NONCE)
    request.headers.update(headers)
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithms.ED25519,
        key_resolver=Keys(),
        component_resolver_class=HTTPSignatureComponentResolver,
    )
    (result,) = verifier.verify(
        request, max_age=datetime.timedelta(seconds=60), expect_tag=TAG, body=b""
    )
    assert result.parameters["nonce"] == NONCE
    assert set(result.covered_components) == {
        '"@method"',
        '"@authority"',
        '"@path"',
        '"@query"',
        '"content-digest"',
        '"@signature-params"',
    }


def test_ours_accepts_another_implementation() -> None:
    request = make_request()
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519,
        key_resolver=Keys(),
        component_resolver_class=HTTPSignatureComponentResolver,
    )
    signer.sign(
        request,
        key_id=encode_account_id(get_public_key("alice")),
        created=datetime.datetime.fromtimestamp(NOW, datetime.UTC),
        expires=datetime.datetime.fromtimestamp(NOW + 60, datetime.UTC),
        nonce=NONCE,
        tag="tokend",
        label="theirs",
        covered_component_ids=("@method", "@authority", "@path", "@query", "content-digest"),
        body=b"",
    )
    assert request.headers["content-digest"] == compute_content_digest(b"")
    signed = verify(MESSAGE, dict(request.headers), NOW + 60)
    assert signed == Signed(get_public_key("alice"), NONCE, NOW)
    with pytest.raises(SignatureError):
        verify(replace(MESSAGE, query=""), dict(request.headers))


def make_request() -> httpx2.Request:
    address = f"https://{MESSAGE.authority}{MESSAGE.path}?{MESSAGE.query}"
    return httpx2.Request(MESSAGE.method, address)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://Gate.Example/", "gate.example"),
        ("https://gate.example:443", "gate.example"),
        ("http://gate.example:443/x", "gate.example:443"),
        ("http://127.0.0.1:8000", "127.0.0.1:8000"),
        ("http://[::1]:80", "[::1]"),
    ],
)
def test_the_public_authority(url: str, authority: str) -> None:
    assert get_authority(url) == authority

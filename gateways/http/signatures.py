"""Signed requests: RFC 9421 in one fixed profile. Pure: text in, text or a verdict out.

One Ed25519 signature covers, in this order, the method, the gateway's public authority, the path,
the query and the content digest (RFC 9530; also that of an empty body), with the parameters
`created`, `keyid` (the signer's key, G...), `nonce` and `tag`. `alg` and `expires` are optional.
A request that has an Idempotency-Key covers it too, last of all.
Anything else that is covered, missing, repeated or written in another way is refused, so that there
is one way to sign and none to sign less. Who may do what, and whether a nonce was used, is decided
elsewhere.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import urlsplit

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from schemas.generated.common import PublicKey
from schemas.strkey import StrkeyError, decode_account_id, encode_account_id

LIFETIME_SECONDS = 60
SKEW_SECONDS = 10  # how far in the future `created` may be; /v3/info tells the gateway's clock
TAG = "tokend"
DEFAULT_PORTS = {"http": 80, "https": 443}
COVERED = '("@method" "@authority" "@path" "@query" "content-digest")'
COVERED_WITH_KEY = f'{COVERED[:-1]} "idempotency-key")'
ACCEPTED = (
    f'sig={COVERED};created;keyid;nonce;alg="ed25519";tag="{TAG}"'  # Accept-Signature's value
)
NONCE = re.compile(r"[A-Za-z0-9+/=_-]{22,88}")  # 128 bits at least, if it is random

_LABEL = r"[a-z*][a-z0-9_.*-]{0,31}"
_PARAMETER = re.compile(r';([a-z]{1,10})=(0|[1-9][0-9]{0,11}|"[A-Za-z0-9+/=_-]{1,88}")')
_LISTS = f"{re.escape(COVERED)}|{re.escape(COVERED_WITH_KEY)}"
_INPUT = re.compile(rf"({_LABEL})=(({_LISTS})((?:{_PARAMETER.pattern}){{4,6}}))")
_SIGNATURE = re.compile(rf"({_LABEL})=:([A-Za-z0-9+/]{{86}}==):")
_REQUIRED = frozenset({"created", "keyid", "nonce", "tag"})
_NUMBERS = frozenset({"created", "expires"})
_KNOWN = _REQUIRED | _NUMBERS | {"alg"}

Header = tuple[bytes, bytes]


class SignatureError(Exception):
    """The text says what is wrong and what is expected."""


class SignatureMissing(SignatureError):
    """The request is not signed."""


class SignatureExpired(SignatureError):
    """`created` is too old, or the sender's clock is wrong."""


@dataclass(frozen=True, slots=True)
class Message:
    """The parts of a request that are signed, as they are sent.

    `authority`: host and port as in the gateway's public URL, without a default port. `path` is
    still percent-encoded; `query` has no question mark. `idempotency_key`: the header's value, if
    the request has one.
    """

    method: str
    authority: str
    path: str
    query: str
    content: bytes = b""
    idempotency_key: str | None = None

    @property
    def covered(self) -> str:
        """The list of what the signature covers."""
        return COVERED if self.idempotency_key is None else COVERED_WITH_KEY


@dataclass(frozen=True, slots=True)
class Signed:
    """Who signed. The signature is valid; whether `nonce` is unused is not known yet."""

    signer: PublicKey
    nonce: str
    created: int


def sign_message(message: Message, key: SigningKey, created: int, nonce: str) -> dict[str, str]:
    """The headers to add. `created`: seconds since 1970. `nonce`: new for every request."""
    signer = encode_account_id(bytes(key.verify_key))
    parameters = (
        f'{message.covered};created={created};keyid="{signer}";alg="ed25519"'
        f';nonce="{nonce}";tag="{TAG}"'
    )
    digest = compute_content_digest(message.content)
    signature = key.sign(_build_base(message, digest, parameters)).signature
    return {
        "Content-Digest": digest,
        "Signature-Input": f"sig={parameters}",
        "Signature": f"sig=:{base64.b64encode(signature).decode()}:",
    }


def verify_message(message: Message, headers: Sequence[Header], now: int) -> Signed:
    """`headers`: the request's, names in small letters. `now`: seconds since 1970.

    Raises SignatureError.
    """
    given = _INPUT.fullmatch(_get_header(headers, b"signature-input"))
    signature = _SIGNATURE.fullmatch(_get_header(headers, b"signature"))
    if given is None or signature is None or given[1] != signature[1]:
        raise SignatureError(f"expected one signature in the profile {ACCEPTED}")
    if given[3] != message.covered:
        raise SignatureError(f"for this request the signature covers {message.covered}")
    parameters = _read_parameters(given[4])
    created = _check_times(parameters, now)
    digest = compute_content_digest(message.content)
    if _get_header(headers, b"content-digest") != digest:
        raise SignatureError(f"Content-Digest of this body is {digest}")
    try:
        signer = PublicKey(decode_account_id(parameters["keyid"]))
        raw = base64.b64decode(signature[2], validate=True)
        if base64.b64encode(raw).decode() != signature[2]:
            raise SignatureError("the signature's base64 is not canonical")
        VerifyKey(signer).verify(_build_base(message, digest, given[2]), raw)
    except (StrkeyError, binascii.Error):
        raise SignatureError("`keyid` is the signer's public key, G...") from None
    except BadSignatureError:
        detail = f"the signature is not keyid's over this request to {message.authority}"
        raise SignatureError(detail) from None
    return Signed(signer, parameters["nonce"], created)


def get_authority(public_url: str) -> str:
    """Host and port as RFC 9421, 2.2.3 writes them: in small letters, without a default port."""
    parts = urlsplit(public_url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    if parts.port is None or parts.port == DEFAULT_PORTS.get(parts.scheme):
        return host
    return f"{host}:{parts.port}"


def compute_content_digest(content: bytes) -> str:
    """The value of Content-Digest (RFC 9530)."""
    return f"sha-256=:{base64.b64encode(sha256(content).digest()).decode()}:"


def _build_base(message: Message, digest: str, parameters: str) -> bytes:
    """RFC 9421, 2.5."""
    key = message.idempotency_key
    return (
        f'"@method": {message.method}\n'
        f'"@authority": {message.authority}\n'
        f'"@path": {message.path}\n'
        f'"@query": ?{message.query}\n'
        f'"content-digest": {digest}\n'
        + ("" if key is None else f'"idempotency-key": {key}\n')
        + f'"@signature-params": {parameters}'
    ).encode("latin-1")


def _get_header(headers: Sequence[Header], name: bytes) -> str:
    found = [value for each, value in headers if each == name]
    if not found:
        raise SignatureMissing(f"the header {name.decode()} is missing; expected: {ACCEPTED}")
    if len(found) > 1:
        raise SignatureError(f"the header {name.decode()} is given twice")
    return found[0].decode("latin-1")


def _read_parameters(text: str) -> dict[str, str]:
    """By name, without quotes; each once, of the right type, none unknown."""
    parameters: dict[str, str] = {}
    for name, value in _PARAMETER.findall(text):
        if name in parameters or name not in _KNOWN or value.isdigit() is not (name in _NUMBERS):
            raise SignatureError(f"the parameter {name} is repeated, unknown or of the wrong type")
        parameters[name] = value.strip('"')
    missing = sorted(_REQUIRED - parameters.keys())
    if missing:
        raise SignatureError(f"the signature lacks {', '.join(missing)}")
    if parameters["tag"] != TAG or parameters.get("alg", "ed25519") != "ed25519":
        raise SignatureError(f'expected alg="ed25519" and tag="{TAG}"')
    if not NONCE.fullmatch(parameters["nonce"]):
        raise SignatureError("`nonce` has 22 to 88 characters of base64")
    return parameters


def _check_times(parameters: dict[str, str], now: int) -> int:
    created = int(parameters["created"])
    expires = min(int(parameters.get("expires", created + LIFETIME_SECONDS)), created + 60)
    if created > now + SKEW_SECONDS or now > expires:
        raise SignatureExpired(
            f"signed at {created}, now it is {now}: a signature is valid for {LIFETIME_SECONDS} s"
        )
    return created

"""Ways to tamper with a signed request: each takes a good one and gives one that must not pass.

Some change what was signed, some sign less or otherwise than the profile wants, by the true key.
"""

import base64
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.requests import Request

from gateways.client.keys import SigningKey
from gateways.http.authentication import Authenticator
from gateways.http.problems import Problem
from gateways.http.signatures import COVERED, Message, compute_content_digest, sign_message

ORDER = 2**252 + 27742317777372353535851937790883648493  # of Ed25519's group
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@dataclass(frozen=True)
class Signing:
    """A request as it is sent, and what an attacker who has the key needs to sign again."""

    message: Message
    key: SigningKey
    created: int
    nonce: str
    headers: dict[str, str] = field(default_factory=dict)
    more: tuple[tuple[str, str], ...] = ()  # headers given a second time

    def sign(self) -> "Signing":
        return replace(self, headers=sign_message(self.message, self.key, self.created, self.nonce))

    def with_message(self, **changes: object) -> "Signing":
        """Another request under the old signature."""
        return replace(self, message=replace(self.message, **changes))  # type: ignore[arg-type]

    def with_header(self, name: str, value: str | None) -> "Signing":
        headers = {k: v for k, v in self.headers.items() if k != name}
        return replace(self, headers=headers if value is None else {**headers, name: value})

    def with_input(self, pattern: str, replacement: str) -> "Signing":
        """Signature-Input changed without signing again."""
        value = self.headers["Signature-Input"]
        return self.with_header("Signature-Input", re.sub(pattern, replacement, value, count=1))

    def sign_parameters(self, parameters: str, lines: tuple[str, ...] | None = None) -> "Signing":
        """A true signature by the true key over other components or parameters."""
        message, digest = self.message, compute_content_digest(self.message.content)
        known = {
            "@method": message.method,
            "@authority": message.authority,
            "@path": message.path,
            "@query": f"?{message.query}",
            "content-digest": digest,
        }
        names = tuple(known) if lines is None else lines
        base = "\n".join(
            [*(f'"{each}": {known[each]}' for each in names), f'"@signature-params": {parameters}']
        )
        signature = base64.b64encode(self.key.sign(base.encode()).signature).decode()
        return self.with_header("Signature-Input", f"sig={parameters}").with_header(
            "Signature", f"sig=:{signature}:"
        )

    @property
    def parameters(self) -> str:
        return self.headers["Signature-Input"].removeprefix("sig=")


Tampering = Callable[[Signing, random.Random], Signing]


def _change_letter(text: str, chance: random.Random) -> str:
    at = chance.choice([i for i, each in enumerate(text) if each.isalnum()])
    other = chance.choice([each for each in LETTERS if each != text[at].lower()])
    return text[:at] + other + text[at + 1 :]


def _flip(raw: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(raw))
    return raw[:at] + bytes([raw[at] ^ (1 << chance.randrange(8))]) + raw[at + 1 :]


def _read_signature(signing: Signing) -> bytes:
    return base64.b64decode(signing.headers["Signature"].removeprefix("sig=:").removesuffix(":"))


def _with_signature(signing: Signing, raw: bytes) -> Signing:
    return signing.with_header("Signature", f"sig=:{base64.b64encode(raw).decode()}:")


def _add_order(signing: Signing) -> Signing:
    """The same equation holds for S + L: what RFC 8032 forbids."""
    raw = _read_signature(signing)
    scalar = int.from_bytes(raw[32:], "little") + ORDER
    return _with_signature(signing, raw[:32] + scalar.to_bytes(32, "little"))


def _loosen_base64(signing: Signing, chance: random.Random) -> Signing:
    """Other text for the same bytes: the last digit's low bits mean nothing."""
    text = signing.headers["Signature"]
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = digits[digits.index(text[-4]) ^ chance.randint(1, 15)]
    return signing.with_header("Signature", f"{text[:-4]}{other}==:")


def _swap_query(signing: Signing) -> Signing:
    return signing.with_message(query="&".join(reversed(signing.message.query.split("&"))))


def _encode_letter(signing: Signing, chance: random.Random) -> Signing:
    path = signing.message.path
    at = chance.choice([i for i, each in enumerate(path) if each.isalnum()])
    return signing.with_message(path=f"{path[:at]}%{ord(path[at]):02x}{path[at + 1 :]}")


def _sign_again(signing: Signing, **changes: object) -> Signing:
    return replace(signing, **changes).sign()  # type: ignore[arg-type]


def _cover_less(signing: Signing, chance: random.Random) -> Signing:
    names = ["@method", "@authority", "@path", "@query", "content-digest"]
    names.pop(chance.randrange(len(names)))
    covered = "(" + " ".join(f'"{each}"' for each in names) + ")"
    return signing.sign_parameters(signing.parameters.replace(COVERED, covered), tuple(names))


def _cover_otherwise(signing: Signing, chance: random.Random) -> Signing:
    names = ["@method", "@authority", "@path", "@query", "content-digest"]
    while True:
        mixed = chance.sample(names, len(names))
        if mixed != names:
            break
    covered = "(" + " ".join(f'"{each}"' for each in mixed) + ")"
    return signing.sign_parameters(signing.parameters.replace(COVERED, covered), tuple(mixed))


def _lack_parameter(signing: Signing, chance: random.Random) -> Signing:
    name = chance.choice(["created", "keyid", "nonce", "tag"])
    return signing.sign_parameters(re.sub(f';{name}=("[^"]*"|[0-9]+)', "", signing.parameters))


def _get_address(chance: random.Random) -> str:
    from schemas.strkey import encode_account_id

    return encode_account_id(bytes(SigningKey(chance.randbytes(32)).verify_key))


def _get_nonce(chance: random.Random) -> str:
    return base64.urlsafe_b64encode(chance.randbytes(18)).decode()


def _add_signature(signing: Signing, chance: random.Random) -> Signing:
    other = _sign_again(signing, key=SigningKey(chance.randbytes(32)))
    names = ("Signature-Input", "Signature")
    for name in names:
        second = other.headers[name].replace("sig=", "other=", 1)
        signing = signing.with_header(name, f"{signing.headers[name]}, {second}")
    return signing


def _add_content(signing: Signing, chance: random.Random) -> Signing:
    return signing.with_message(content=signing.message.content + chance.randbytes(3))


def _replace_content_and_digest(signing: Signing, chance: random.Random) -> Signing:
    other = _add_content(signing, chance)
    return other.with_header("Content-Digest", compute_content_digest(other.message.content))


KINDS: dict[str, Tampering] = {
    "another method": lambda s, c: s.with_message(method=c.choice(["POST", "HEAD", "PUT"])),
    "another path": lambda s, c: s.with_message(path=_change_letter(s.message.path, c)),
    "a longer path": lambda s, c: s.with_message(path=f"{s.message.path}/{c.randrange(99)}"),
    "a path with a letter encoded": _encode_letter,
    "another query": lambda s, c: s.with_message(query=_change_letter(s.message.query, c)),
    "a longer query": lambda s, c: s.with_message(query=f"{s.message.query}&x={c.randrange(99)}"),
    "no query": lambda s, _: s.with_message(query=""),
    "a query in another order": lambda s, _: _swap_query(s),
    "another body": lambda s, c: s.with_message(content=_flip(s.message.content, c)),
    "a longer body": _add_content,
    "no body": lambda s, _: s.with_message(content=b""),
    "another body with its digest": _replace_content_and_digest,
    "no digest": lambda s, _: s.with_header("Content-Digest", None),
    "another digest": lambda s, c: s.with_header(
        "Content-Digest", compute_content_digest(c.randbytes(9))
    ),
    "two digests": lambda s, _: replace(s, more=(("Content-Digest", s.headers["Content-Digest"]),)),
    "another signature": lambda s, c: _with_signature(s, _flip(_read_signature(s), c)),
    "a short signature": lambda s, c: _with_signature(s, _read_signature(s)[: c.randrange(1, 63)]),
    "a signature with another S": lambda s, _: _add_order(s),
    "a signature of zeros": lambda s, _: _with_signature(s, bytes(64)),
    "base64 that is not canonical": _loosen_base64,
    "no signature": lambda s, _: s.with_header("Signature", None),
    "no signature input": lambda s, _: s.with_header("Signature-Input", None),
    "two signatures": _add_signature,
    "the signature header twice": lambda s, _: replace(
        s, more=(("Signature", s.headers["Signature"]),)
    ),
    "labels that differ": lambda s, _: s.with_input("^sig=", "gis="),
    "created moved": lambda s, c: s.with_input(
        r"created=\d+", f"created={s.created + c.choice([-3, -2, -1, 1, 2])}"
    ),
    "signed too long ago": lambda s, c: _sign_again(s, created=s.created - c.randint(63, 10**6)),
    "signed in the future": lambda s, c: _sign_again(s, created=s.created + c.randint(15, 10**6)),
    "another nonce": lambda s, c: s.with_input('nonce="[^"]*"', f'nonce="{_get_nonce(c)}"'),
    "a short nonce": lambda s, c: _sign_again(s, nonce=_get_nonce(c)[: c.randint(1, 21)]),
    "another keyid": lambda s, c: s.with_input('keyid="[^"]*"', f'keyid="{_get_address(c)}"'),
    "signed by another key": lambda s, c: _sign_again(
        s, key=SigningKey(c.randbytes(32))
    ).with_header("Signature-Input", s.headers["Signature-Input"]),
    "signed for another gateway": lambda s, c: _sign_again(
        s, message=replace(s.message, authority=f"127.0.0.1:{c.randint(1, 9999)}")
    ),
    "another tag": lambda s, c: s.sign_parameters(
        s.parameters.replace('tag="tokend"', f'tag="tokend{c.randrange(99)}"')
    ),
    "another algorithm": lambda s, c: s.sign_parameters(
        s.parameters.replace("ed25519", c.choice(["hmac-sha256", "none", "rsa-v1_5-sha256"]))
    ),
    "fewer components": _cover_less,
    "components in another order": _cover_otherwise,
    "a parameter missing": _lack_parameter,
    "a parameter twice": lambda s, _: s.sign_parameters(f"{s.parameters};created={s.created}"),
    "an unknown parameter": lambda s, c: s.sign_parameters(f"{s.parameters};x={c.randrange(99)}"),
    "expired by its own word": lambda s, c: s.sign_parameters(
        f"{s.parameters};expires={s.created - c.randint(1, 99)}"
    ),
}


async def identify(authenticator: Authenticator, signing: Signing) -> str:
    """What the authenticator says of a request: "in", or the problem's slug."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": signing.message.content, "more_body": False}

    headers = [*signing.headers.items(), *signing.more, ("content-length", "9")]
    scope = {
        "type": "http",
        "method": signing.message.method,
        "raw_path": signing.message.path.encode(),
        "query_string": signing.message.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers],
    }
    try:
        await authenticator.require_first_use(
            await authenticator.authenticate(Request(scope, receive))
        )
    except Problem as problem:
        return problem.kind.slug
    return "in"

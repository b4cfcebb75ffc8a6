"""E-mail addresses: one way to write each, and its hash. Pure.

Addresses are compared in normal form: NFKC, lower case, no surrounding space. What a mail server
makes of dots and plus signs is its own affair.
"""

import unicodedata
from hashlib import sha256

CHARACTERS_MAX = 254  # RFC 5321
_DOMAIN = b"tokend-email"


class EmailError(ValueError):
    """The text is no address."""


def normalise_email(text: str) -> str:
    """Raises EmailError."""
    if len(text) > CHARACTERS_MAX:
        raise EmailError(f"an e-mail address has at most {CHARACTERS_MAX} characters")
    normal = unicodedata.normalize("NFKC", text).lower().strip()
    name, _, domain = normal.rpartition("@")
    if not name or not domain or len(normal) > CHARACTERS_MAX:
        raise EmailError("expected an e-mail address")
    if "@" in name or not normal.isprintable() or any(each in normal for each in ' <>,;:"()[]\\'):
        raise EmailError("expected an e-mail address without spaces, quotes or brackets")
    return normal


def compute_email_hash(normal: str) -> bytes:
    """Of the normal form. Whoever guesses an address can compute it: it is no secret."""
    return sha256(_DOMAIN + normal.encode()).digest()

"""Key-encryption keys (KEKs): what a database keeps wrapped, and how it finds it again.

A set of keys has a name and numbered versions. What is wrapped begins with how it was wrapped, so
that all versions can be read, and the newest one writes. `context` says what is wrapped (table,
column, row): bytes that were moved to another place do not open there. `compute_lookup` names a
value without telling it; its key is no version's, because what is looked up stays where it is.
This module knows neither where the keys are nor who uses them.
"""

import hmac
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from hashlib import sha256
from itertools import pairwise

HEAD = struct.Struct(">BI")  # the form, the version
LOOKUP_BYTES = 32
KEY_BYTES = 32


class KekError(Exception):
    """The keys cannot be used; the text says what to do."""


class Unopenable(KekError):
    """It was wrapped by other keys, for another place, or it was changed."""


class KeyEncryptionKeys(ABC):
    """A named set of keys. Implementations differ in where the keys are, and in their `form`."""

    form: int

    def __init__(self, name: str) -> None:
        self.name = name

    @property
    @abstractmethod
    def newest(self) -> int:
        """The version that wraps."""

    @property
    def newest_made(self) -> int | None:
        """When that was made, in seconds since 1970; None where nobody has noted it."""
        return None

    @abstractmethod
    def refresh(self) -> None:
        """Looks for new versions. Raises KekError."""

    @abstractmethod
    def _encrypt(self, version: int, plain: bytes, associated: bytes) -> bytes: ...

    @abstractmethod
    def _decrypt(self, version: int, sealed: bytes, associated: bytes) -> bytes:
        """Raises Unopenable."""

    @abstractmethod
    def _has(self, version: int) -> bool: ...

    @abstractmethod
    def _authenticate(self, content: bytes) -> bytes:
        """HMAC-SHA256 under the look-up key."""

    def wrap(self, plain: bytes, context: str) -> bytes:
        """By the newest version."""
        head = HEAD.pack(self.form, self.newest)
        return head + self._encrypt(self.newest, plain, self._associate(head, context))

    def unwrap(self, wrapped: bytes, context: str) -> bytes:
        """Raises Unopenable, also where `context` is another one than it was wrapped for."""
        version = get_version(wrapped)
        if wrapped[0] != self.form:
            raise Unopenable(f"{context}: wrapped by another kind of keys")
        if not self._has(version):
            self.refresh()
        if not self._has(version):
            raise Unopenable(f"{context}: version {version} of the keys {self.name!r} is not here")
        head = wrapped[: HEAD.size]
        return self._decrypt(version, wrapped[HEAD.size :], self._associate(head, context))

    def rewrap(self, wrapped: bytes, context: str) -> bytes | None:
        """By the newest version; None if it is that already. Raises Unopenable."""
        if wrapped[: HEAD.size] == HEAD.pack(self.form, self.newest):
            return None
        return self.wrap(self.unwrap(wrapped, context), context)

    def compute_lookup(self, purpose: str, value: bytes) -> bytes:
        """32 bytes that name `value`, different for every purpose."""
        return self._authenticate(_join(b"tokend-lookup", purpose.encode(), value))

    def _associate(self, head: bytes, context: str) -> bytes:
        return _join(b"tokend-kek", self.name.encode(), head, context.encode())


def find_superseded(made: Mapping[int, int], until: float) -> set[int]:
    """The versions that have wrapped nothing since `until`: their successor was made by then.
    `made`: when each version was made, in seconds since 1970."""
    return {old for old, new in pairwise(sorted(made)) if made[new] <= until}


def get_version(wrapped: bytes) -> int:
    """The version that wrapped it. Raises Unopenable."""
    if len(wrapped) < HEAD.size:
        raise Unopenable("too short to be wrapped")
    version: int = HEAD.unpack_from(wrapped)[1]
    return version


def compute_hmac(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, sha256)


def _join(*parts: bytes) -> bytes:
    """Unambiguous: each part after its length."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)

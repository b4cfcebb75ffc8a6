"""Key-encryption keys in a file (mode 0600): XChaCha20-Poly1305 by libsodium.

The file is JSON: the look-up key, the versions, and when each was made. It is made with the
deployment, is in no backup of it, and a new version is added by replacing it; processes that run
notice by themselves.
"""

import json
import os
import time
from collections.abc import Mapping
from math import inf
from pathlib import Path
from typing import NamedTuple

import msgspec
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.utils import random

from gateways.sealing.keks import (
    KEY_BYTES,
    KekError,
    KeyEncryptionKeys,
    Unopenable,
    compute_hmac,
    find_superseded,
)

FORM = 1
NONCE_BYTES = 24


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`made`: seconds since 1970, by version; 0 for one that nobody has noted."""

    lookup: str
    versions: dict[str, str]
    made: dict[str, int] = {}


class _Version(NamedTuple):
    key: bytes
    made: int


def make_content() -> bytes:
    """A new file with one version."""
    return _render(random(KEY_BYTES), {1: _make_version(time.time())})


def add_version(content: bytes, now: float | None = None) -> bytes:
    """The file with one version more, which wraps from now on. Raises KekError."""
    lookup, versions = _parse(content)
    new = _make_version(time.time() if now is None else now)
    return _render(lookup, {**versions, max(versions) + 1: new})


def drop_old_versions(content: bytes, until: float = inf) -> bytes:
    """The file without versions whose successor was made until then: what they have wrapped is gone
    for good, also in backups. Raises KekError."""
    lookup, versions = _parse(content)
    gone = find_superseded({each: versions[each].made for each in versions}, until)
    if not gone:
        return content
    return _render(lookup, {each: versions[each] for each in versions if each not in gone})


def get_made(content: bytes) -> int:
    """When the newest version was made. Raises KekError."""
    _, versions = _parse(content)
    return versions[max(versions)].made


class FileKeks(KeyEncryptionKeys):
    """Raises KekError if the file cannot be used, or others may read it."""

    form = FORM

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._path = path
        self._versions: dict[int, _Version] = {}
        self._lookup = b""
        self.refresh()

    @property
    def newest(self) -> int:
        return max(self._versions)

    @property
    def newest_made(self) -> int | None:
        return self._versions[self.newest].made or None

    def refresh(self) -> None:
        try:
            if os.stat(self._path).st_mode & 0o077:
                raise KekError(f"{self._path}: others may read it: chmod 600, and add a version")
            content = self._path.read_bytes()
        except OSError as error:
            text = f"{self._path}: {error.strerror}: put the file of key-encryption keys back"
            raise KekError(text) from None
        self._lookup, self._versions = _parse(content)

    def _has(self, version: int) -> bool:
        return version in self._versions

    def _encrypt(self, version: int, plain: bytes, associated: bytes) -> bytes:
        nonce = random(NONCE_BYTES)
        sealed: bytes = crypto_aead_xchacha20poly1305_ietf_encrypt(
            plain, associated, nonce, self._versions[version].key
        )
        return nonce + sealed

    def _decrypt(self, version: int, sealed: bytes, associated: bytes) -> bytes:
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain: bytes = crypto_aead_xchacha20poly1305_ietf_decrypt(
                rest, associated, nonce, self._versions[version].key
            )
        except (CryptoError, ValueError, TypeError):
            raise Unopenable("wrapped for another place, or changed") from None
        return plain

    def _authenticate(self, content: bytes) -> bytes:
        return compute_hmac(self._lookup, content)


def _make_version(now: float) -> _Version:
    return _Version(random(KEY_BYTES), int(now))


def _render(lookup: bytes, versions: Mapping[int, _Version]) -> bytes:
    keys = {str(number): each.key.hex() for number, each in sorted(versions.items())}
    made = {str(number): each.made for number, each in sorted(versions.items())}
    shown = {"lookup": lookup.hex(), "versions": keys, "made": made}
    return json.dumps(shown).encode() + b"\n"


def _parse(content: bytes) -> tuple[bytes, dict[int, _Version]]:
    try:
        found = msgspec.json.decode(content, type=_Content)
        lookup = bytes.fromhex(found.lookup)
        versions = {
            int(number): _Version(bytes.fromhex(key), found.made.get(number, 0))
            for number, key in found.versions.items()
        }
    except ValueError:  # its text could hold the keys
        raise KekError("the file of key-encryption keys cannot be read: put it back") from None
    keys = [lookup, *(each.key for each in versions.values())]
    if not versions or min(versions) < 1 or {len(key) for key in keys} != {KEY_BYTES}:
        raise KekError("the file of key-encryption keys is damaged: put it back")
    return lookup, versions

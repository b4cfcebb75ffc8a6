"""Key-encryption keys in a file (mode 0600): XChaCha20-Poly1305 by libsodium.

The file is JSON: the look-up key and the versions. It is made with the deployment, is in no backup
of it, and a new version is added by replacing it; processes that run notice by themselves.
"""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
from nacl.bindings import (
    crypto_aead_xchacha20poly1305_ietf_decrypt,
    crypto_aead_xchacha20poly1305_ietf_encrypt,
)
from nacl.exceptions import CryptoError
from nacl.utils import random

from gateways.sealing.keks import KEY_BYTES, KekError, KeyEncryptionKeys, Unopenable, compute_hmac

FORM = 1
NONCE_BYTES = 24


class _Content(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    lookup: str
    versions: dict[str, str]


def make_content() -> bytes:
    """A new file with one version."""
    content = {"lookup": random(KEY_BYTES).hex(), "versions": {"1": random(KEY_BYTES).hex()}}
    return json.dumps(content).encode() + b"\n"


def add_version(content: bytes) -> bytes:
    """The file with one version more, which wraps from now on. Raises KekError."""
    lookup, versions = _parse(content)
    versions[max(versions) + 1] = random(KEY_BYTES)
    shown = {str(number): key.hex() for number, key in sorted(versions.items())}
    return json.dumps({"lookup": lookup.hex(), "versions": shown}).encode() + b"\n"


def drop_old_versions(content: bytes) -> bytes:
    """The file with the newest version alone: what others have wrapped is gone for good, also in
    backups. Raises KekError."""
    lookup, versions = _parse(content)
    newest = max(versions)
    shown = {str(newest): versions[newest].hex()}
    return json.dumps({"lookup": lookup.hex(), "versions": shown}).encode() + b"\n"


class FileKeks(KeyEncryptionKeys):
    """Raises KekError if the file cannot be used, or others may read it."""

    form = FORM

    def __init__(self, name: str, path: Path) -> None:
        super().__init__(name)
        self._path = path
        self._versions: dict[int, bytes] = {}
        self._lookup = b""
        self.refresh()

    @property
    def newest(self) -> int:
        return max(self._versions)

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
            plain, associated, nonce, self._versions[version]
        )
        return nonce + sealed

    def _decrypt(self, version: int, sealed: bytes, associated: bytes) -> bytes:
        nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            plain: bytes = crypto_aead_xchacha20poly1305_ietf_decrypt(
                rest, associated, nonce, self._versions[version]
            )
        except (CryptoError, ValueError, TypeError):
            raise Unopenable("wrapped for another place, or changed") from None
        return plain

    def _authenticate(self, content: bytes) -> bytes:
        return compute_hmac(self._lookup, content)


def _parse(content: bytes) -> tuple[bytes, dict[int, bytes]]:
    try:
        found = msgspec.json.decode(content, type=_Content)
        lookup = bytes.fromhex(found.lookup)
        versions = {int(number): bytes.fromhex(key) for number, key in found.versions.items()}
    except ValueError:  # its text could hold the keys
        raise KekError("the file of key-encryption keys cannot be read: put it back") from None
    keys: list[Any] = [lookup, *versions.values()]
    if not versions or min(versions) < 1 or {len(key) for key in keys} != {KEY_BYTES}:
        raise KekError("the file of key-encryption keys is damaged: put it back")
    return lookup, versions

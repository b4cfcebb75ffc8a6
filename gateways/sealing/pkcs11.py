"""Key-encryption keys in a hardware security module, by PKCS#11: AES-256-GCM in the module.

The keys never leave it. Version N of the set NAME is the AES key labelled NAME.N, whose id says
when it was made (u64, seconds since 1970), the look-up key the generic secret NAME.lookup. Calls
are serialised, because a session serves one thread.
"""

import math
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nacl.utils import random

from gateways.sealing.keks import (
    KEY_BYTES,
    KekError,
    KeyEncryptionKeys,
    Unopenable,
    find_superseded,
)
from streams.security_module import ModuleUnavailable, load_pkcs11, log_in

FORM = 2
IV_BYTES, TAG_BITS = 12, 128
LOOKUP = "lookup"
MADE = struct.Struct(">Q")


class Pkcs11Keks(KeyEncryptionKeys):
    """`module`: the vendor's library. `token`: its label. Raises KekError."""

    form = FORM

    def __init__(self, name: str, module: str, token: str, pin: str) -> None:
        super().__init__(name)
        self._lock = threading.Lock()
        self._keys: dict[int, Any] = {}
        self._newest_made = 0
        self._pkcs11, self._session = _open(module, token, pin)
        self.refresh()

    @property
    def newest(self) -> int:
        return max(self._keys)

    @property
    def newest_made(self) -> int | None:
        return self._newest_made or None

    def refresh(self) -> None:
        with self._lock, _errors(self._pkcs11):
            keys, lookup = _find(self._pkcs11, self._session, self.name)
            if not keys or lookup is None:
                raise KekError(f"the token has no keys {self.name!r}: make them by add_version")
            self._newest_made = _read_made(keys[max(keys)])
        self._keys, self._lookup = keys, lookup

    def _has(self, version: int) -> bool:
        return version in self._keys

    def _encrypt(self, version: int, plain: bytes, associated: bytes) -> bytes:
        iv = random(IV_BYTES)
        with self._lock, _errors(self._pkcs11):
            sealed: bytes = self._keys[version].encrypt(plain, **self._make_gcm(iv, associated))
        return iv + sealed

    def _decrypt(self, version: int, sealed: bytes, associated: bytes) -> bytes:
        iv, rest = sealed[:IV_BYTES], sealed[IV_BYTES:]
        if len(rest) < TAG_BITS // 8:
            raise Unopenable("too short to be wrapped")
        refusals = (
            self._pkcs11.EncryptedDataInvalid,
            self._pkcs11.EncryptedDataLenRange,
            self._pkcs11.GeneralError,
        )
        with self._lock, _errors(self._pkcs11):
            try:
                plain: bytes = self._keys[version].decrypt(rest, **self._make_gcm(iv, associated))
            except refusals:
                raise Unopenable("wrapped for another place, or changed") from None
        return plain

    def _make_gcm(self, iv: bytes, associated: bytes) -> dict[str, Any]:
        parameters = self._pkcs11.GCMParams(iv, aad=associated, tag_bits=TAG_BITS)
        return {"mechanism": self._pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}

    def _authenticate(self, content: bytes) -> bytes:
        with self._lock, _errors(self._pkcs11):
            mechanism = self._pkcs11.Mechanism.SHA256_HMAC
            signed: bytes = self._lookup.sign(content, mechanism=mechanism)
        return signed


def add_version(name: str, module: str, token: str, pin: str, now: float | None = None) -> int:
    """Makes the next version of the keys, with the look-up key at first. Raises KekError."""
    pkcs11, session = _open(module, token, pin)
    kinds, attribute = pkcs11.KeyType, pkcs11.Attribute
    kept = {attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.TOKEN: True}
    made = int(time.time() if now is None else now)
    with _errors(pkcs11), session:
        keys, lookup = _find(pkcs11, session, name)
        version: int = max(keys, default=0) + 1
        if lookup is None:
            session.generate_key(
                kinds.GENERIC_SECRET,
                KEY_BYTES * 8,
                label=f"{name}.{LOOKUP}",
                mechanism=pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
                template={**kept, attribute.SIGN: True},
            )
        template = {**kept, attribute.ENCRYPT: True, attribute.DECRYPT: True}
        label, id_ = f"{name}.{version}", MADE.pack(made)
        session.generate_key(kinds.AES, KEY_BYTES * 8, id=id_, label=label, template=template)
    return version


def drop_old_versions(
    name: str, module: str, token: str, pin: str, until: float = math.inf
) -> list[int]:
    """Destroys versions whose successor was made until then: what they have wrapped is gone for
    good, also in backups. Those that are gone. Raises KekError."""
    pkcs11, session = _open(module, token, pin)
    with _errors(pkcs11), session:
        keys, _ = _find(pkcs11, session, name)
        made = {version: _read_made(key) for version, key in keys.items()}
        gone = sorted(find_superseded(made, until))
        for version in gone:
            keys[version].destroy()
    return gone


def _find(pkcs11: Any, session: Any, name: str) -> tuple[dict[int, Any], Any | None]:
    """The versions of a set, and its look-up key."""
    wanted = {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}
    prefix = f"{name}."
    found = {
        key.label.removeprefix(prefix): key
        for key in session.get_objects(wanted)
        if key.label.startswith(prefix)
    }
    versions = {int(label): key for label, key in found.items() if label.isdecimal()}
    return versions, found.get(LOOKUP)


def _read_made(key: Any) -> int:
    """Seconds since 1970; 0 for a key whose id says nothing of it."""
    id_ = bytes(key.id)
    return int(MADE.unpack(id_)[0]) if len(id_) == MADE.size else 0


def _open(module: str, token: str, pin: str) -> tuple[Any, Any]:
    """The library, and a session. Raises KekError."""
    try:
        pkcs11 = load_pkcs11()
        return pkcs11, log_in(pkcs11, module, token, pin)
    except ModuleUnavailable as error:
        raise KekError(str(error)) from None


@contextmanager
def _errors(pkcs11: Any) -> Iterator[None]:
    """What the module refuses, as KekError."""
    try:
        yield
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        name = type(error).__name__
        raise KekError(f"the security module refuses ({name}): see its own log") from None

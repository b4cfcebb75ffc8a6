"""Key-encryption keys in a hardware security module, by PKCS#11: AES-256-GCM in the module.

The keys never leave it. Version N of the set NAME is the AES key labelled NAME.N, the look-up key
the generic secret NAME.lookup. Calls are serialised, because a session serves one thread.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from nacl.utils import random

from gateways.sealing.keks import KEY_BYTES, KekError, KeyEncryptionKeys, Unopenable
from streams.security_module import ModuleUnavailable, load_pkcs11, log_in

FORM = 2
IV_BYTES, TAG_BITS = 12, 128
LOOKUP = "lookup"


class Pkcs11Keks(KeyEncryptionKeys):
    """`module`: the vendor's library. `token`: its label. Raises KekError."""

    form = FORM

    def __init__(self, name: str, module: str, token: str, pin: str) -> None:
        super().__init__(name)
        self._lock = threading.Lock()
        self._keys: dict[int, Any] = {}
        self._pkcs11, self._session = _open(module, token, pin)
        self.refresh()

    @property
    def newest(self) -> int:
        return max(self._keys)

    def refresh(self) -> None:
        constants = self._pkcs11
        wanted = {constants.Attribute.CLASS: constants.ObjectClass.SECRET_KEY}
        prefix = f"{self.name}."
        with self._lock, _errors(constants):
            found = {key.label: key for key in self._session.get_objects(wanted)}
        keys = {
            int(label.removeprefix(prefix)): key
            for label, key in found.items()
            if label.startswith(prefix) and label.removeprefix(prefix).isdecimal()
        }
        lookup = found.get(f"{prefix}{LOOKUP}")
        if not keys or lookup is None:
            raise KekError(f"the token has no keys {self.name!r}: make them by add_version")
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


def add_version(name: str, module: str, token: str, pin: str) -> int:
    """Makes the next version of the keys, with the look-up key at first. Raises KekError."""
    pkcs11, session = _open(module, token, pin)
    kinds, attribute = pkcs11.KeyType, pkcs11.Attribute
    kept = {attribute.SENSITIVE: True, attribute.EXTRACTABLE: False, attribute.TOKEN: True}
    with _errors(pkcs11), session:
        wanted = {attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY}
        labels = {key.label for key in session.get_objects(wanted)}
        numbers = [label.removeprefix(f"{name}.") for label in labels]
        version = max((int(each) for each in numbers if each.isdecimal()), default=0) + 1
        if f"{name}.{LOOKUP}" not in labels:
            session.generate_key(
                kinds.GENERIC_SECRET,
                KEY_BYTES * 8,
                label=f"{name}.{LOOKUP}",
                mechanism=pkcs11.Mechanism.GENERIC_SECRET_KEY_GEN,
                template={**kept, attribute.SIGN: True},
            )
        template = {**kept, attribute.ENCRYPT: True, attribute.DECRYPT: True}
        label = f"{name}.{version}"
        session.generate_key(kinds.AES, KEY_BYTES * 8, label=label, template=template)
    return version


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

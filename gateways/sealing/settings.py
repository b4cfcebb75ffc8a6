"""Settings of key-encryption keys, and the keys that they name."""

from pathlib import Path

from gateways.sealing.file import FileKeks
from gateways.sealing.keks import KekError, KeyEncryptionKeys
from gateways.sealing.pkcs11 import Pkcs11Keks
from schemas.settings import Secret, Settings


class Pkcs11Settings(Settings, frozen=True):
    """A token of a security module. `module`: the path of the vendor's library."""

    module: str
    token: str
    pin: Secret


class KekSettings(Settings, frozen=True, kw_only=True):
    """The set of keys called `name`: in a file at `path`, or in the token of `pkcs11`."""

    name: str
    path: Path | None = None
    pkcs11: Pkcs11Settings | None = None


def open_keks(settings: KekSettings) -> KeyEncryptionKeys:
    """Raises KekError."""
    token, path = settings.pkcs11, settings.path
    if path is not None and token is None:
        return FileKeks(settings.name, path)
    if token is not None and path is None:
        return Pkcs11Keks(settings.name, token.module, token.token, token.pin.reveal())
    raise KekError("kek: give either `path` or `pkcs11`")

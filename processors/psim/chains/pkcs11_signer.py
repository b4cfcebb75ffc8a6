"""A cosigner's key in a security module, by PKCS#11: it never leaves it.

Modules hold keys of secp256k1 as they are, without BIP-32, so this serves wallets on Ethereum. Of
the signatures that they give about half have a high s, which chains refuse: they are turned round,
and every one is verified before it is used.
"""

from typing import Any

import msgspec
import wallycore as wally
from eth_utils import keccak

from processors.psim.chains.adapter import CosignerKey
from processors.psim.chains.signers import SignDigest, SignerBroken
from schemas.generated.common import EthereumAddressBytes, EthereumKey
from schemas.settings import ConfigError, Secret, Settings
from streams.security_module import ModuleUnavailable, load_pkcs11, log_in

COORDINATE_BYTES = 32
CURVE = "secp256k1"


class ModuleSettings(Settings, frozen=True):
    """`library`: the vendor's. `token`: its label, with the `pin` of its user. `key`: the label of
    a pair of keys of secp256k1."""

    library: str
    token: str
    pin: Secret
    key: str = msgspec.field(default="tokend")


class Pkcs11Signer:
    """A `ChainSigner`. Raises `ConfigError` where the module has no such key."""

    def __init__(self, settings: ModuleSettings) -> None:
        self._pkcs11, self._session = _open(settings)
        try:
            self._private, public = _find_pair(self._pkcs11, self._session, settings.key)
            point = bytes(public[self._pkcs11.Attribute.EC_POINT])
        except (self._pkcs11.PKCS11Error, RuntimeError) as error:
            text = f"module: key: {settings.key}: {type(error).__name__}"
            raise ConfigError(f"{text}: name a pair of keys that the token has") from None
        coordinates = point[-2 * COORDINATE_BYTES :]  # behind what DER says before them
        parity = 2 + coordinates[-1] % 2
        self._public_key = bytes([parity]) + coordinates[:COORDINATE_BYTES]
        self.key = EthereumKey(EthereumAddressBytes(keccak(coordinates)[-20:]))

    def open(self, key: CosignerKey) -> SignDigest | None:
        return self._sign if key == self.key else None

    def _sign(self, path: tuple[int, ...], digest: bytes) -> bytes:
        """Raises `SignerBroken`."""
        if path:
            raise SignerBroken("a security module derives no keys")
        try:
            given = self._private.sign(digest, mechanism=self._pkcs11.Mechanism.ECDSA)
            signature = bytes(wally.ec_sig_normalize(given))
            wally.ec_sig_verify(self._public_key, digest, wally.EC_FLAG_ECDSA, signature)
        except (self._pkcs11.PKCS11Error, ValueError) as error:
            raise SignerBroken(f"the security module: {type(error).__name__}") from None
        return signature

    def close(self) -> None:
        self._session.close()


def make_key(settings: ModuleSettings) -> None:
    """Makes a pair of keys that cannot be taken out of the token."""
    pkcs11, session = _open(settings)
    from pkcs11.util.ec import encode_named_curve_parameters

    with session:
        curve = {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)}
        domain = session.create_domain_parameters(pkcs11.KeyType.EC, curve, local=True)
        domain.generate_keypair(store=True, label=settings.key)


def _find_pair(pkcs11: Any, session: Any, label: str) -> tuple[Any, Any]:
    about = {"key_type": pkcs11.KeyType.EC, "label": label}
    private = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, **about)
    return private, session.get_key(object_class=pkcs11.ObjectClass.PUBLIC_KEY, **about)


def _open(settings: ModuleSettings) -> tuple[Any, Any]:
    """The library, and a session. Raises `ConfigError`."""
    try:
        pkcs11 = load_pkcs11()
        return pkcs11, log_in(pkcs11, settings.library, settings.token, settings.pin.reveal())
    except ModuleUnavailable as error:
        raise ConfigError(f"module: {error}") from None

"""What signs for a cosigner, behind one function: seeds in files; hardware in `pkcs11_signer`.

Signatures are 64 bytes: r and s of secp256k1, s low, nonces by RFC 6979; or Ed25519 where a keyset
has ordinary keys.
"""

from collections.abc import Callable
from itertools import product
from typing import Protocol, TypeAlias

import wallycore as wally
from eth_account import Account
from nacl.signing import SigningKey

from processors.psim.chains.adapter import CosignerKey
from schemas.generated.common import (
    EthereumAddressBytes,
    EthereumKey,
    ExtendedPublicKey,
    LedgerKeyOfCosigner,
    PublicKey,
    WalletKind,
)

SignDigest: TypeAlias = Callable[[tuple[int, ...], bytes], bytes]
"""By a path below the cosigner's key (empty: by the key itself) and a digest."""
HARDENED = 0x80000000
PURPOSE, SCRIPT_TYPE = 48, 2  # BIP-48, P2WSH
MAINNET, TESTNET = 0, 1
ACCOUNTS = {WalletKind.DEPOSIT: 0, WalletKind.HOT: 1, WalletKind.COLD: 2}
"""The account of BIP-48 that a wallet's keys are of, so that no two wallets share an address."""


class SignerBroken(Exception):
    """It gave a signature that is not one: nothing of it may be used."""


class ChainSigner(Protocol):
    def open(self, key: CosignerKey) -> SignDigest | None:
        """What signs by this key; None: it does not hold it."""
        ...


class SeedSigner:
    """All keys that are derived from one seed of 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        self._seed = seed

    def open(self, key: CosignerKey) -> SignDigest | None:
        match key:
            case ExtendedPublicKey():
                for account, coin in product(ACCOUNTS.values(), (MAINNET, TESTNET)):
                    found = _derive_account(self._seed, account, coin)
                    if _show_public(found) == key.text:
                        return _make_bitcoin_sign(found)
                return None
            case EthereumKey():
                is_own = make_ethereum_key(self._seed) == key
                return (lambda _, digest: sign_digest(self._seed, digest)) if is_own else None
            case LedgerKeyOfCosigner():
                own = SigningKey(self._seed)
                if PublicKey(bytes(own.verify_key)) != key.public_key:
                    return None
                return lambda _, digest: own.sign(digest).signature


class SeveralSigners:
    """The first of these that holds a key."""

    def __init__(self, *signers: ChainSigner) -> None:
        self._signers = signers

    def open(self, key: CosignerKey) -> SignDigest | None:
        found = (each.open(key) for each in self._signers)
        return next((each for each in found if each is not None), None)


def make_extended_key(seed: bytes, wallet: WalletKind, coin: int = TESTNET) -> ExtendedPublicKey:
    """A cosigner's key of a wallet, by BIP-48; `coin`: of BIP-44."""
    return ExtendedPublicKey(_show_public(_derive_account(seed, ACCOUNTS[wallet], coin)))


def make_ethereum_key(seed: bytes) -> EthereumKey:
    address = Account.from_key(seed).address
    return EthereumKey(EthereumAddressBytes(bytes.fromhex(address[2:])))


def sign_digest(key: bytes, digest: bytes) -> bytes:
    """By libsecp256k1, and verified: a fault in the machine must not show the key."""
    flags = wally.EC_FLAG_ECDSA
    signature = bytes(wally.ec_sig_from_bytes(key, digest, flags))
    public_key = wally.ec_public_key_from_private_key(key)
    try:
        wally.ec_sig_verify(public_key, digest, flags, signature)
    except ValueError:
        raise SignerBroken("a signature does not verify") from None
    return signature


def _derive_account(seed: bytes, account: int, coin: int) -> object:
    kind = wally.BIP32_VER_TEST_PRIVATE if coin == TESTNET else wally.BIP32_VER_MAIN_PRIVATE
    master = wally.bip32_key_from_seed(seed, kind, 0)
    path = [number | HARDENED for number in (PURPOSE, coin, account, SCRIPT_TYPE)]
    found: object = wally.bip32_key_from_parent_path(master, path, wally.BIP32_FLAG_KEY_PRIVATE)
    return found


def _show_public(key: object) -> str:
    return str(wally.bip32_key_to_base58(key, wally.BIP32_FLAG_KEY_PUBLIC))


def _make_bitcoin_sign(upper: object) -> SignDigest:
    def sign(path: tuple[int, ...], digest: bytes) -> bytes:
        below = wally.bip32_key_from_parent_path(upper, list(path), wally.BIP32_FLAG_KEY_PRIVATE)
        return sign_digest(bytes(wally.bip32_key_get_priv_key(below)), digest)

    return sign

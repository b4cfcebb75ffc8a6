"""What clients of the KeyServer hand to each other: credentials, sign-ups, wallets, changes."""

from collections.abc import Callable
from dataclasses import dataclass

from gateways.client.keys import SigningKey
from gateways.client.wallet_keys import Content, SecretKeys


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody types, and the device that he types on. `second_factor`: a code; `lane`: a
    mailed one, for when others try.
    """

    email: str
    secret: str
    second_factor: str | None = None
    lane: str | None = None
    device: SigningKey | None = None


@dataclass(frozen=True, slots=True)
class Statement:
    """A registration statement, for the API: exact bytes and their signature."""

    body: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Signup:
    """A sign-up that waits for its code. `recovery`: to be written down by its owner, once."""

    id: str
    email: str
    content: Content
    recovery: SigningKey


@dataclass(frozen=True, slots=True)
class OpenWallet:
    """What a secret has opened. `keys`: that opened it. `device`: the id of a known device."""

    content: Content
    keys: SecretKeys
    version: int
    signer: str
    has_second_factor: bool
    device: str | None
    statement: Statement


@dataclass(frozen=True, slots=True)
class Change:
    """A password change that waits for the ledger: submit `transaction` too, if you can."""

    transaction: bytes
    transaction_hash: str
    content: Content


Rotate = Callable[[Content, SigningKey], bytes]
"""Makes the signed envelope of the transaction that replaces the wallet's key by the new one."""

"""Under which names columns are wrapped, and how rows are found. Pure.

A name says what is wrapped and for which row, so that nothing opens in another place. A version of
a wallet is named by its `entry`, so that it can move from a sign-up or a change to the wallet.
"""

from uuid import UUID

from gateways.sealing.keks import KeyEncryptionKeys


def get_email_lookup(keys: KeyEncryptionKeys, email: str) -> bytes:
    """`email`: in normal form."""
    return keys.compute_lookup("email", email.encode())


def get_code_lookup(keys: KeyEncryptionKeys, what: UUID | str, code: str) -> bytes:
    """Of a code for `what`."""
    return keys.compute_lookup("code", f"{what}/{code}".encode())


def name_email(lookup: bytes) -> str:
    return f"email/{lookup.hex()}"


def name_verifier(entry: UUID) -> str:
    return f"verifier/{entry}"


def name_envelope(entry: UUID) -> str:
    return f"envelope/{entry}"


def name_totp(wallet: UUID) -> str:
    return f"totp/{wallet}"


def name_device(device: UUID) -> str:
    return f"device/{device}"


def name_history(wallet: UUID) -> str:
    return f"history/{wallet}"

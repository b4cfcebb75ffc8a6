"""The bytes that name an entry: a LedgerKey's encoding, made without the detour over a record.

A union branch is one byte (twice its index), so a key is that byte and the key's fields. A test
holds every function here against `encode(LedgerKey(...))`.
"""

from collections.abc import Callable
from typing import Any, NewType

from schemas.generated import ledger
from schemas.generated.common import AccountID, BalanceID, PublicKey

KeyBytes = NewType("KeyBytes", bytes)
Entry = (
    ledger.NetworkSettings
    | ledger.Counters
    | ledger.BaseAssets
    | ledger.Validators
    | ledger.AccountRole
    | ledger.SignerRole
    | ledger.Account
    | ledger.Signer
    | ledger.KeyValue
    | ledger.Asset
    | ledger.Balance
    | ledger.Reference
    | ledger.ReviewableRequest
    | ledger.RequestReference
)


def _text(value: str) -> bytes:
    raw = value.encode()
    length = 2 * len(raw)
    if length < 0x80:
        return bytes([length]) + raw
    return bytes([length & 0x7F | 0x80, length >> 7]) + raw


def _optional(value: bytes | None) -> bytes:
    return b"\x00" if value is None else b"\x02" + value


NETWORK_SETTINGS = KeyBytes(b"\x00")
COUNTERS = KeyBytes(b"\x02")
BASE_ASSETS = KeyBytes(b"\x04")
VALIDATORS = KeyBytes(b"\x06")

AUTHORITY = b"\x08\x0a\x0c\x0e"
"""First bytes of the entries that say who may do what: roles, accounts, signers."""
SELDOM_READ = b"\x16\x1a"
"""First bytes of the entries that are made once and looked for rather than read: references."""
USED_REFERENCE = 0x16
"""First byte of the references in use: of them there are as many as payments, and none changes."""


def account_role_key(role_id: int) -> KeyBytes:
    return KeyBytes(b"\x08" + role_id.to_bytes(8, "big"))


def signer_role_key(role_id: int) -> KeyBytes:
    return KeyBytes(b"\x0a" + role_id.to_bytes(8, "big"))


def account_key(account_id: AccountID) -> KeyBytes:
    return KeyBytes(b"\x0c" + account_id)


def signer_key(account_id: AccountID, public_key: PublicKey) -> KeyBytes:
    return KeyBytes(b"\x0e" + account_id + public_key)


def key_value_key(key: str) -> KeyBytes:
    return KeyBytes(b"\x10" + _text(key))


def asset_key(code: str) -> KeyBytes:
    return KeyBytes(b"\x12" + _text(code))


def balance_key(balance_id: BalanceID) -> KeyBytes:
    return KeyBytes(b"\x14" + balance_id)


def reference_key(account_id: AccountID, reference: str) -> KeyBytes:
    return KeyBytes(b"\x16" + account_id + _text(reference))


def reviewable_request_key(request_id: int) -> KeyBytes:
    return KeyBytes(b"\x18" + request_id.to_bytes(8, "big"))


def request_reference_key(requestor: AccountID | None, reference: str) -> KeyBytes:
    return KeyBytes(b"\x1a" + _optional(requestor) + _text(reference))


KEY_OF: dict[type, Callable[[Any], KeyBytes]] = {
    ledger.NetworkSettings: lambda _: NETWORK_SETTINGS,
    ledger.Counters: lambda _: COUNTERS,
    ledger.BaseAssets: lambda _: BASE_ASSETS,
    ledger.Validators: lambda _: VALIDATORS,
    ledger.AccountRole: lambda entry: account_role_key(entry.role_id),
    ledger.SignerRole: lambda entry: signer_role_key(entry.role_id),
    ledger.Account: lambda entry: account_key(entry.account_id),
    ledger.Signer: lambda entry: signer_key(entry.account_id, entry.data.public_key),
    ledger.KeyValue: lambda entry: key_value_key(entry.key),
    ledger.Asset: lambda entry: asset_key(entry.code),
    ledger.Balance: lambda entry: balance_key(entry.balance_id),
    ledger.Reference: lambda entry: reference_key(entry.account_id, entry.reference),
    ledger.ReviewableRequest: lambda entry: reviewable_request_key(entry.request_id),
    ledger.RequestReference: lambda entry: request_reference_key(entry.requestor, entry.reference),
}


def get_key(entry: Entry) -> KeyBytes:
    """The name under which `entry` is kept."""
    return KEY_OF[type(entry)](entry)

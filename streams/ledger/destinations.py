"""Where withdrawals go: whether a destination has the form that its system gives it. Pure.

A wrong address that has the form is found by who pays out; then the request is rejected and what it
locked is unlocked.
"""

from typing import TypeAlias

from schemas.generated.common import (
    BankAccount,
    BitcoinAddress,
    EthereumAddress,
    PayoutAccount,
)

Destination: TypeAlias = BitcoinAddress | EthereumAddress | BankAccount | PayoutAccount

IBAN_CHARACTERS_MIN = 15
BITCOIN_CHARACTERS_MIN = 26
BIC_LENGTHS = (0, 8, 11)
CHECKSUM_MODULUS = 97  # ISO 7064


def is_destination(destination: Destination) -> bool:
    match destination:
        case BitcoinAddress(address):
            return len(address) >= BITCOIN_CHARACTERS_MIN and _is_alphanumeric(address)
        case EthereumAddress(address):
            return any(address)
        case BankAccount(iban, bic):
            return _is_iban(iban) and _is_bic(bic)
        case PayoutAccount(account_hash):
            return any(account_hash)


def _is_iban(text: str) -> bool:
    if len(text) < IBAN_CHARACTERS_MIN or not _is_capital(text):
        return False
    if not text[:2].isalpha() or not text[2:4].isdigit():
        return False
    number = "".join(str(int(each, 36)) for each in text[4:] + text[:4])
    return int(number) % CHECKSUM_MODULUS == 1


def _is_bic(text: str) -> bool:
    return len(text) in BIC_LENGTHS and (text == "" or _is_capital(text))


def _is_alphanumeric(text: str) -> bool:
    return text.isascii() and text.isalnum()


def _is_capital(text: str) -> bool:
    return _is_alphanumeric(text) and text == text.upper()

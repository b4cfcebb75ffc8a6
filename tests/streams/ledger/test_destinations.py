"""Destinations of withdrawals have the form that their systems give them."""

import pytest

from schemas.generated.common import (
    BankAccount,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
    Hash,
    PayoutAccount,
    PayoutDetails,
)
from schemas.payout_accounts import compute_account_hash
from streams.ledger.destinations import Destination, is_destination


@pytest.mark.parametrize(
    "destination",
    [
        BitcoinAddress("1BoatSLRHtKNngkdXEeobR76b53LETtpyT"),
        BitcoinAddress("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"),
        EthereumAddress(EthereumAddressBytes(b"\x01" * 20)),
        BankAccount("GB82WEST12345698765432", ""),
        BankAccount("NO9386011117947", "DNBANOKK"),
        BankAccount("MT84MALT011000012345MTLCAST001S", "VALLMTMTXXX"),
        PayoutAccount(Hash(b"\x01" * 32)),
    ],
)
def test_true_ones(destination: Destination) -> None:
    assert is_destination(destination)


@pytest.mark.parametrize(
    "destination",
    [
        BitcoinAddress(""),
        BitcoinAddress("1BoatSLRHtKNngkdXEeobR76"),
        BitcoinAddress("1BoatSLRHtKNngkdXEeobR76b53 ETtpyT"),
        EthereumAddress(EthereumAddressBytes(bytes(20))),
        BankAccount("", ""),
        BankAccount("GB82WEST12345698765423", ""),  # two digits are swapped
        BankAccount("gb82west12345698765432", ""),
        BankAccount("GB82 WEST 1234 5698 7654 32", ""),
        BankAccount("82GBWEST12345698765432", ""),
        BankAccount("GB82WEST12345698765432", "DNB"),
        BankAccount("GB82WEST12345698765432", "dnbanokk"),
        PayoutAccount(Hash(bytes(32))),
    ],
)
def test_false_ones(destination: Destination) -> None:
    assert not is_destination(destination)


def test_a_payout_account_is_a_hash_of_everything_with_a_salt() -> None:
    details = PayoutDetails(Hash(bytes(32)), "DE75512108001245126199", "", "Alice")
    hashes = {
        compute_account_hash(each)
        for each in (
            details,
            PayoutDetails(Hash(b"\x01" * 32), details.iban, "", details.holder),
            PayoutDetails(details.salt, "NO9386011117947", "", details.holder),
            PayoutDetails(details.salt, details.iban, "DNBANOKK", details.holder),
            PayoutDetails(details.salt, details.iban, "", "Mallory"),
        )
    }
    assert len(hashes) == 5
    assert compute_account_hash(details).hex().startswith("d32f5821")

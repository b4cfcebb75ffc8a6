"""Destinations of withdrawals have the form that their systems give them."""

import pytest

from schemas.generated.common import (
    BankAccount,
    BitcoinAddress,
    EthereumAddress,
    EthereumAddressBytes,
)
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
    ],
)
def test_false_ones(destination: Destination) -> None:
    assert not is_destination(destination)

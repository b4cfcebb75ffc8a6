"""Keys made from their parts are the encodings of their records."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.generated import ledger
from schemas.generated.common import U64, AccountID, BalanceID, PublicKey
from schemas.generated.ledger import LedgerKey
from streams.ledger import keys

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
CASES: list[tuple[bytes, Any]] = [
    (keys.NETWORK_SETTINGS, ledger.NetworkSettingsKey()),
    (keys.COUNTERS, ledger.CountersKey()),
    (keys.BASE_ASSETS, ledger.BaseAssetsKey()),
    (keys.VALIDATORS, ledger.ValidatorsKey()),
    (keys.account_role_key(7), ledger.AccountRoleKey(U64(7))),
    (keys.signer_role_key(1 << 63), ledger.SignerRoleKey(U64(1 << 63))),
    (keys.account_key(AccountID(ONE)), ledger.AccountKey(AccountID(ONE))),
    (
        keys.signer_key(AccountID(ONE), PublicKey(TWO)),
        ledger.SignerKey(AccountID(ONE), PublicKey(TWO)),
    ),
    (keys.key_value_key("a" * 256), ledger.KeyValueKey("a" * 256)),
    (keys.asset_key("EUR"), ledger.AssetKey("EUR")),
    (keys.balance_key(BalanceID(ONE)), ledger.BalanceKey(BalanceID(ONE))),
    (keys.reference_key(AccountID(ONE), "é" * 32), ledger.ReferenceKey(AccountID(ONE), "é" * 32)),
    (keys.reviewable_request_key(9), ledger.ReviewableRequestKey(U64(9))),
    (keys.request_reference_key(None, "EUR"), ledger.RequestReferenceKey(None, "EUR")),
    (
        keys.request_reference_key(AccountID(TWO), ""),
        ledger.RequestReferenceKey(AccountID(TWO), ""),
    ),
]


@pytest.mark.parametrize(("made", "record"), CASES, ids=lambda each: type(each).__name__)
def test_a_key_is_the_encoding_of_its_record(made: bytes, record: Any) -> None:
    assert made == encode(LedgerKey(record))


@given(st.text(max_size=64))
def test_texts_of_all_lengths_are_encoded_alike(text: str) -> None:
    if len(text.encode(errors="surrogatepass")) > 64 or not _is_encodable(text):
        return
    made = keys.reference_key(AccountID(ONE), text)
    assert made == encode(LedgerKey(ledger.ReferenceKey(AccountID(ONE), text)))


def test_every_kind_of_entry_has_a_key() -> None:
    assert {type(record).__name__.removesuffix("Key") for _, record in CASES} == {
        kind.__name__ for kind in keys.KEY_OF
    }


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)

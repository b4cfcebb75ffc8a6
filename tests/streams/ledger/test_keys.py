"""Keys made from their parts are the encodings of their records."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import encode
from schemas.generated import entries, keys
from schemas.generated.common import (
    U64,
    AccessKind,
    AccountID,
    AccountRequestKind,
    BalanceID,
    FeeType,
    Hash,
    LimitKind,
    PublicKey,
    TransferPurpose,
    WalletKind,
)
from schemas.generated.ledger import LedgerKey

ONE, TWO = bytes([1]) * 32, bytes([2]) * 32
CASES: list[tuple[bytes, Any]] = [
    (keys.NETWORK_SETTINGS, entries.NetworkSettingsKey()),
    (keys.COUNTERS, entries.CountersKey()),
    (keys.BASE_ASSETS, entries.BaseAssetsKey()),
    (keys.VALIDATORS, entries.ValidatorsKey()),
    (keys.account_role_key(7), entries.AccountRoleKey(U64(7))),
    (keys.signer_role_key(1 << 63), entries.SignerRoleKey(U64(1 << 63))),
    (keys.account_key(AccountID(ONE)), entries.AccountKey(AccountID(ONE))),
    (
        keys.signer_key(AccountID(ONE), PublicKey(TWO)),
        entries.SignerKey(AccountID(ONE), PublicKey(TWO)),
    ),
    (keys.key_value_key("a" * 256), entries.KeyValueKey("a" * 256)),
    (keys.asset_key("EUR"), entries.AssetKey("EUR")),
    (keys.balance_key(BalanceID(ONE)), entries.BalanceKey(BalanceID(ONE))),
    (keys.reviewable_request_key(9), entries.ReviewableRequestKey(U64(9))),
    (keys.asset_supply_key("EUR"), entries.AssetSupplyKey("EUR")),
    (keys.asset_reservation_key("EUR"), entries.AssetReservationKey("EUR")),
    (keys.asset_pair_key("EUR", "USD"), entries.AssetPairKey("EUR", "USD")),
    (keys.limits_key(AccountID(ONE), None), entries.LimitsKey(AccountID(ONE), None)),
    (keys.limits_key(None, None), entries.LimitsKey(None, None)),
    (
        keys.statistics_key(AccountID(ONE), LimitKind.DEPOSIT, "EUR", True),
        entries.StatisticsKey(AccountID(ONE), LimitKind.DEPOSIT, "EUR", True),
    ),
    (keys.pending_statistics_key(U64(9)), entries.PendingStatisticsKey(U64(9))),
    (
        keys.asset_flow_key("EUR", entries.FlowKind.WITHDRAWAL),
        entries.AssetFlowKey("EUR", entries.FlowKind.WITHDRAWAL),
    ),
    (
        keys.fee_schedule_key(AccountID(ONE), None, "EUR", FeeType.PAYMENT, 2),
        entries.FeeScheduleKey(AccountID(ONE), None, "EUR", FeeType.PAYMENT, 2),
    ),
    (
        keys.fee_schedule_key(None, U64(3), "EUR", FeeType.ISSUANCE, 1000),
        entries.FeeScheduleKey(None, U64(3), "EUR", FeeType.ISSUANCE, 1000),
    ),
    (keys.external_pool_key("eip155:1", 3), entries.ExternalPoolKey("eip155:1", 3)),
    (
        keys.external_address_key("eip155:1", "0xa"),
        entries.ExternalAddressKey("eip155:1", "0xa"),
    ),
    (
        keys.external_binding_key("bank:x", "RF18", U64(2)),
        entries.ExternalBindingKey("bank:x", "RF18", U64(2)),
    ),
    (
        keys.external_account_key(AccountID(ONE), "bank:x"),
        entries.ExternalAccountKey(AccountID(ONE), "bank:x"),
    ),
    (
        keys.keyset_key("eip155:1", WalletKind.HOT, 70),
        entries.KeysetKey("eip155:1", WalletKind.HOT, 70),
    ),
    (keys.wallet_key("eip155:1", WalletKind.COLD), entries.WalletKey("eip155:1", WalletKind.COLD)),
    (keys.wallet_nonce_key("eip155:1", "0xa"), entries.WalletNonceKey("eip155:1", "0xa")),
    (keys.external_transfer_key(9), entries.ExternalTransferKey(U64(9))),
    (keys.transfer_payload_key(9, 16), entries.TransferPayloadKey(U64(9), 16)),
    (
        keys.transfer_signature_key(9, 2, AccountID(ONE)),
        entries.TransferSignatureKey(U64(9), 2, AccountID(ONE)),
    ),
    (keys.used_resource_key(Hash(TWO)), entries.UsedResourceKey(Hash(TWO))),
    (keys.committed_request_key(9), entries.CommittedRequestKey(U64(9))),
    (
        keys.transfer_policy_key("eip155:1", "ETH", TransferPurpose.SWEEP),
        entries.TransferPolicyKey("eip155:1", "ETH", TransferPurpose.SWEEP),
    ),
    (
        keys.transfer_flow_key("eip155:1", "ETH", TransferPurpose.SWEEP),
        entries.TransferFlowKey("eip155:1", "ETH", TransferPurpose.SWEEP),
    ),
    (keys.allowed_destinations_key(AccountID(ONE)), entries.AllowedDestinationsKey(AccountID(ONE))),
    (keys.network_fee_debt_key(9), entries.NetworkFeeDebtKey(U64(9))),
    (keys.chain_checkpoint_key("eip155:1"), entries.ChainCheckpointKey("eip155:1")),
    (keys.approval_policy_key("issuance", ""), entries.ApprovalPolicyKey("issuance", "")),
    (keys.asset_halt_key("EUR"), entries.AssetHaltKey("EUR")),
    (keys.account_kyc_key(AccountID(ONE)), entries.AccountKycKey(AccountID(ONE))),
    (
        keys.account_reservation_key(AccountRequestKind.KYC_RECOVERY, AccountID(ONE)),
        entries.AccountReservationKey(AccountRequestKind.KYC_RECOVERY, AccountID(ONE)),
    ),
    (keys.account_rule_key(7), entries.AccountRuleKey(U64(7))),
    (keys.signer_rule_key(7), entries.SignerRuleKey(U64(7))),
    (keys.DEFAULT_SIGNER_RULES, entries.DefaultSignerRulesKey()),
    (keys.ACCESS_COUNTERS, entries.AccessCountersKey()),
    (
        keys.access_name_key(AccessKind.SIGNER_ROLE, "owner"),
        entries.AccessNameKey(AccessKind.SIGNER_ROLE, "owner"),
    ),
    (
        keys.access_use_key(AccessKind.SIGNER_RULE, 7),
        entries.AccessUseKey(AccessKind.SIGNER_RULE, U64(7)),
    ),
]


@pytest.mark.parametrize(("made", "record"), CASES, ids=lambda each: type(each).__name__)
def test_a_key_is_the_encoding_of_its_record(made: bytes, record: Any) -> None:
    assert made == encode(LedgerKey(record))


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=64))
def test_texts_of_all_lengths_are_encoded_alike(text: str) -> None:
    assert keys.key_value_key(text) == encode(LedgerKey(entries.KeyValueKey(text)))


def test_every_kind_of_entry_has_a_key() -> None:
    assert {type(record).__name__.removesuffix("Key") for _, record in CASES} == {
        kind.__name__ for kind in keys.KEY_OF
    }

"""The contract's table: every operation, kind of request and kind of entry, with its number.

A number is permanent: it is the index of the union branch that carries the member, and so part of
every hash. New members are appended; none is ever moved or removed. From this table and the `.avsc`
file that each stem names, the generator makes the unions, keys, getters and builders
(`schemas.assembly`). What else a member needs is checked by `schemas.completeness`.
"""

from enum import IntEnum
from typing import NamedTuple


class Row(NamedTuple):
    """One member: its union index and the stem of its files."""

    number: int
    stem: str


# schemas/operations/STEM.avsc holds the body, the code enum and the result.
OPERATIONS = (
    Row(0, "create_account"),
    Row(1, "manage_signer"),
    Row(2, "manage_balance"),
    Row(3, "manage_key_value"),
    Row(4, "manage_asset"),
    Row(5, "create_issuance_request"),
    Row(6, "payment"),
    Row(7, "review_request"),
    Row(8, "set_fees"),
    Row(9, "manage_account_role"),
    Row(10, "manage_account_rule"),
    Row(11, "manage_signer_role"),
    Row(12, "manage_signer_rule"),
    Row(13, "manage_asset_pair"),
    Row(14, "remove_asset_pair"),
    Row(15, "create_preissuance_request"),
    Row(16, "remove_asset"),
    Row(17, "manage_limits"),
    Row(18, "create_change_role_request"),
    Row(19, "cancel_change_role_request"),
    Row(20, "initiate_kyc_recovery"),
    Row(21, "create_kyc_recovery_request"),
    Row(22, "create_withdrawal_request"),
    Row(23, "create_aml_alert"),
    Row(24, "create_payment_request"),
    Row(25, "create_redemption_request"),
    Row(26, "manage_approval_policy"),
    Row(27, "manage_asset_halt"),
    Row(28, "create_governed_change_request"),
    Row(29, "create_manage_limits_request"),
    Row(30, "manage_external_system_account_id_pool_entry"),
    Row(31, "bind_external_system_account_id"),
    Row(32, "manage_keyset"),
    Row(33, "checkpoint_chain"),
    Row(34, "create_external_transfer"),
    Row(35, "add_transfer_signature"),
    Row(36, "confirm_external_transfer"),
    Row(37, "replace_external_transfer"),
    Row(38, "submit_external_transfer"),
    Row(39, "settle_external_transfer"),
    Row(40, "close_external_transfer"),
    Row(41, "manage_transfer_policy"),
    Row(42, "manage_allowed_destination"),
    Row(43, "pay_network_fee_debt"),
    Row(44, "cancel_governed_change_request"),
)

# schemas/requests/STEM.avsc holds the body of a reviewable request.
REQUESTS = (
    Row(0, "create_asset"),
    Row(1, "issuance"),
    Row(2, "preissuance"),
    Row(3, "update_asset"),
    Row(4, "change_role"),
    Row(5, "kyc_recovery"),
    Row(6, "withdrawal"),
    Row(7, "aml_alert"),
    Row(8, "payment"),
    Row(9, "redemption"),
    Row(10, "governed_change"),
    Row(11, "limits_update"),
)

# schemas/entries/STEM.avsc holds a kind of ledger entry; its attribute `key` names it.
ENTRIES = (
    Row(0, "network_settings"),
    Row(1, "counters"),
    Row(2, "base_assets"),
    Row(3, "validators"),
    Row(4, "account_role"),
    Row(5, "signer_role"),
    Row(6, "account"),
    Row(7, "signer"),
    Row(8, "key_value"),
    Row(9, "asset"),
    Row(10, "asset_supply"),
    Row(11, "balance"),
    Row(12, "reviewable_request"),
    Row(13, "asset_reservation"),
    Row(14, "fee_schedule"),
    Row(15, "account_rule"),
    Row(16, "signer_rule"),
    Row(17, "default_signer_rules"),
    Row(18, "access_counters"),
    Row(19, "access_name"),
    Row(20, "access_use"),
    Row(21, "asset_pair"),
    Row(22, "limits"),
    Row(23, "statistics"),
    Row(24, "account_kyc"),
    Row(25, "account_reservation"),
    Row(26, "pending_statistics"),
    Row(27, "approval_policy"),
    Row(28, "asset_halt"),
    Row(29, "asset_flow"),
    Row(30, "external_pool"),
    Row(31, "external_address"),
    Row(32, "external_binding"),
    Row(33, "external_account"),
    Row(34, "keyset"),
    Row(35, "wallet"),
    Row(36, "wallet_nonce"),
    Row(37, "chain_checkpoint"),
    Row(38, "external_transfer"),
    Row(39, "transfer_payload"),
    Row(40, "transfer_signature"),
    Row(41, "used_resource"),
    Row(42, "committed_request"),
    Row(43, "transfer_policy"),
    Row(44, "transfer_flow"),
    Row(45, "allowed_destinations"),
    Row(46, "network_fee_debt"),
)

# The operations that a governed change can carry, by their branch in it. Only ever appended to.
GOVERNED = (
    "manage_approval_policy",
    "manage_asset_halt",
    "manage_asset_pair",
    "manage_account_role",
    "manage_account_rule",
    "manage_signer_role",
    "manage_signer_rule",
    "manage_keyset",
    "checkpoint_chain",
    "manage_transfer_policy",
)

# The first byte of a key tells up to so many kinds of entry apart (two-byte union indexes).
ENTRIES_MAX = 128


class ReferenceKind(IntEnum):
    """Each kind of reference has a window of its own; its length is the network setting
    KIND_reference_days. A field of an operation names its kind with the attribute `reference_kind`.
    """

    PAYMENT = 0
    ISSUANCE = 1

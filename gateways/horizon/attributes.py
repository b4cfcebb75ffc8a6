"""What Horizon's resources say. These types are the answers and their schemas in OpenAPI."""

from typing import Any

import msgspec


class LedgerAttributes(msgspec.Struct, frozen=True):
    """A closed ledger. `header` and `certificate` are their bytes in base64, to be verified."""

    sequence: str
    header_hash: str
    previous_header_hash: str
    closed_at: str
    close_time_ms: str
    transaction_count: int
    operation_count: int
    state_root: str
    header: str
    certificate: str


class OperationCodeAttributes(msgspec.Struct, frozen=True):
    """What came of one operation: SUCCESS or the symbol of its rejection. `index` starts at 0."""

    index: int
    type: str
    code: str


class RejectionAttributes(msgspec.Struct, frozen=True):
    """A node's rejection at its door. Other nodes may have taken the envelope."""

    node: str
    envelope_hash: str
    code: str
    detail: str
    ledger_sequence: str
    rejected_at: str


class TransactionAttributes(msgspec.Struct, frozen=True):
    """A transaction, or what is known of one on its way.

    `status`: pending, success, failed, rejected (by most nodes, provisional) or expired.
    `is_final`: whether it can still change. `envelope`, `result`: bytes in base64.
    """

    hash: str
    status: str
    is_final: bool
    code: str | None = None
    operations: list[OperationCodeAttributes] = []
    ledger_sequence: str | None = None
    sequential_id: str | None = None
    closed_at: str | None = None
    close_time_ms: str | None = None
    source_account: str | None = None
    memo: str | None = None
    min_time: str | None = None
    max_time: str | None = None
    envelope_hash: str | None = None
    envelope: str | None = None
    result: str | None = None
    rejections: list[RejectionAttributes] = []


class OperationAttributes(msgspec.Struct, frozen=True):
    """An operation. `details`: its body. `code`: SUCCESS, or why it or its transaction failed.

    `first`: with REFERENCE_DUPLICATION, the transaction that used the reference.
    """

    type: str
    index: int
    ledger_sequence: str
    transaction_hash: str
    source_account: str
    applied_at: str
    close_time_ms: str
    is_successful: bool
    code: str
    details: dict[str, Any]
    result: dict[str, Any] | None
    first: dict[str, Any] | None


class EffectAttributes(msgspec.Struct, frozen=True):
    """What happened to one balance."""

    kind: str
    balance: str
    asset: str
    amount: str
    fee: str


class ParticipantAttributes(msgspec.Struct, frozen=True):
    """An operation that concerned an account, and what it did to the account's balances."""

    account: str
    operation: OperationAttributes
    effects: list[EffectAttributes]


class MovementAttributes(msgspec.Struct, frozen=True):
    """A balance that was funded, charged, issued to: one line of a statement."""

    kind: str
    account: str
    balance: str
    asset: str
    amount: str
    fee: str
    ledger_sequence: str
    applied_at: str
    close_time_ms: str


class AccountAttributes(msgspec.Struct, frozen=True):
    """An account."""

    sequential_id: str
    role_id: str
    changed_in: str


class SignerAttributes(msgspec.Struct, frozen=True):
    """A key that may act for an account. `details` is the JSON it was created with."""

    weight: int
    identity: int
    role_id: str
    details: Any
    changed_in: str


class BalanceAttributes(msgspec.Struct, frozen=True):
    """What an account holds of an asset: `available` may be spent, `locked` waits for requests."""

    asset: str
    available: str
    locked: str
    changed_in: str


class Flag(msgspec.Struct, frozen=True):
    """One bit of a set of bits."""

    name: str
    value: int


class Flags(msgspec.Struct, frozen=True):
    """A set of bits, with their names."""

    value: int
    flags: list[Flag]


class AssetAttributes(msgspec.Struct, frozen=True):
    """An asset and its running totals."""

    max_issuance_amount: str
    available_for_issuance: str
    issued: str
    pending_issuance: str
    preissued_asset_signer: str
    policies: Flags
    asset_type: str
    trailing_digits: int
    details: Any
    changed_in: str


class ProofAttributes(msgspec.Struct, frozen=True):
    """Proves an entry, or its absence, to whoever knows the genesis.

    The first four are bytes in hex, to be verified; what follows shows what they say.
    """

    header: str
    certificate: str
    entry: str | None
    proof: str
    key: str
    decoded_header: dict[str, Any]
    decoded_certificate: dict[str, Any]
    decoded_entry: dict[str, Any] | None


class InfoAttributes(msgspec.Struct, frozen=True):
    """The network, these views, and the core node behind them (null if it does not answer)."""

    network_id: str
    network_passphrase: str
    genesis_hash: str
    master_account: str
    latest_ledger: str
    latest_header_hash: str
    latest_ledger_closed_at: str
    latest_ledger_close_time_ms: str
    server_time: str
    server_time_ms: str
    ingest_topic: str
    validators: list[str]
    settings: dict[str, Any]
    limits: dict[str, int]
    core: dict[str, Any] | None
    core_problem: str | None

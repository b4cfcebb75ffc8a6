"""Rows of Horizon's views as resources. Pure: rows and scales in, resources out."""

import base64
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

from gateways.horizon.attributes import (
    AccountAttributes,
    AssetAttributes,
    BalanceAttributes,
    EffectAttributes,
    Flag,
    Flags,
    LedgerAttributes,
    MovementAttributes,
    OperationAttributes,
    OperationCodeAttributes,
    ParticipantAttributes,
    RejectionAttributes,
    SignerAttributes,
    TransactionAttributes,
)
from gateways.horizon.render import (
    Scales,
    get_type_name,
    render_details,
    render_value,
    show_account,
    show_balance,
)
from gateways.http.jsonapi import Relationship, Resource, relate, relate_many
from schemas.codec import decode
from schemas.generated.transactions import (
    Operation,
    OperationResult,
    Transaction,
    TransactionEnvelope,
    TransactionResult,
)
from schemas.values import format_amount, format_time
from streams.ledger.values import AssetPolicy

SUCCESS = "SUCCESS"


def render_ledger(row: Any) -> Resource[LedgerAttributes]:
    attributes = LedgerAttributes(
        sequence=str(row.sequence),
        header_hash=row.header_hash.hex(),
        previous_header_hash=row.previous_header_hash.hex(),
        closed_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        transaction_count=row.transaction_count,
        operation_count=row.operation_count,
        state_root=row.state_root.hex(),
        header=_base64(row.header),
        certificate=_base64(row.certificate),
    )
    return Resource("ledgers", str(row.sequence), attributes)


def render_transaction(row: Any) -> Resource[TransactionAttributes]:
    transaction = decode(Transaction, decode(TransactionEnvelope, row.envelope).transaction)
    result = decode(TransactionResult, row.result)
    source = show_account(row.source_account)
    attributes = TransactionAttributes(
        hash=row.transaction_hash.hex(),
        status="success" if row.result_code == SUCCESS else "failed",
        is_final=True,
        code=row.result_code,
        operations=render_codes(transaction, [_get_code(each) for each in result.operations]),
        ledger_sequence=str(row.ledger_sequence),
        sequential_id=str(row.id),
        closed_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        source_account=source,
        memo=row.memo.decode(),
        min_time=format_time(transaction.min_time_ms) if transaction.min_time_ms else None,
        max_time=format_time(transaction.max_time_ms),
        envelope_hash=row.envelope_hash.hex(),
        envelope=_base64(row.envelope),
        result=_base64(row.result),
    )
    relationships = {
        "source": relate("accounts", source),
        "ledger": relate("ledgers", str(row.ledger_sequence)),
    }
    return Resource("transactions", attributes.hash, attributes, relationships)


def render_codes(
    transaction: Transaction, codes: Sequence[str | None]
) -> list[OperationCodeAttributes]:
    """Codes by operation, SUCCESS for None; none at all where the ledger kept none."""
    pairs = zip(transaction.operations, codes, strict=False)
    return [
        OperationCodeAttributes(index, get_type_name(type(op.body)), code or SUCCESS)
        for index, (op, code) in enumerate(pairs)
    ]


def render_rejections(row: Any) -> RejectionAttributes:
    return RejectionAttributes(
        row.node,
        row.envelope_hash.hex(),
        row.code,
        row.detail,
        str(row.ledger_sequence),
        format_time(row.rejected_at_ms),
    )


def _get_code(result: OperationResult) -> str | None:
    return result.outcome.name if isinstance(result.outcome, Enum) else None


def render_operation(
    row: Any, body: Operation, outcome: OperationResult | None, scales: Scales
) -> Resource[OperationAttributes]:
    """`body` and `outcome` are the row's, decoded by the caller, who made `scales` of them."""
    attributes = render_operation_attributes(row, body, outcome, scales)
    relationships = {
        "source": relate("accounts", attributes.source_account),
        "transaction": relate("transactions", attributes.transaction_hash),
        "ledger": relate("ledgers", attributes.ledger_sequence),
    }
    return Resource("operations", str(row.id), attributes, relationships)


def render_operation_attributes(
    row: Any, body: Operation, outcome: OperationResult | None, scales: Scales
) -> OperationAttributes:
    code = "INTERNAL_ERROR" if outcome is None else _get_code(outcome) or SUCCESS
    is_refused = outcome is None or isinstance(outcome.outcome, Enum)
    first = None if outcome is None else outcome.first
    return OperationAttributes(
        type=row.type,
        index=(row.id & 0xFFF) - 1,
        ledger_sequence=str(row.ledger_sequence),
        transaction_hash=row.transaction_hash.hex(),
        source_account=show_account(row.source_account),
        applied_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
        is_successful=row.is_success,
        code=code,
        details=render_value(body.body, scales),
        result=None if outcome is None or is_refused else render_value(outcome.outcome, scales),
        first=None if first is None else render_value(first, scales),
    )


def render_participant(
    row: Any, operation: OperationAttributes, effects: Sequence[Any], scales: Scales
) -> Resource[ParticipantAttributes]:
    account = show_account(row.account_id)
    attributes = ParticipantAttributes(
        account, operation, [_render_effect(each, scales) for each in effects]
    )
    relationships = {
        "account": relate("accounts", account),
        "operation": relate("operations", str(row.id)),
    }
    return Resource("participant-effects", f"{row.id}-{account}", attributes, relationships)


def _render_effect(row: Any, scales: Scales) -> EffectAttributes:
    digits = scales.digits[row.asset]
    return EffectAttributes(
        row.kind.lower(),
        show_balance(row.balance_id),
        row.asset,
        format_amount(int(row.amount), digits),
        format_amount(int(row.fee), digits),
    )


def render_movement(row: Any, scales: Scales) -> Resource[MovementAttributes]:
    effect = _render_effect(row, scales)
    account = show_account(row.account_id)
    attributes = MovementAttributes(
        kind=effect.kind,
        account=account,
        balance=effect.balance,
        asset=effect.asset,
        amount=effect.amount,
        fee=effect.fee,
        ledger_sequence=str(row.id >> 32),
        applied_at=format_time(row.close_time_ms),
        close_time_ms=str(row.close_time_ms),
    )
    relationships = {
        "account": relate("accounts", account),
        "balance": relate("balances", effect.balance),
        "asset": relate("assets", effect.asset),
        "operation": relate("operations", str(row.operation_id)),
    }
    return Resource("movements", str(row.id), attributes, relationships)


def render_account(
    row: Any, balances: Sequence[Any] | None, signers: Sequence[Any] | None
) -> Resource[AccountAttributes]:
    """`balances` and `signers`: rows to relate to, None where they were not asked for."""
    attributes = AccountAttributes(str(row.sequential_id), str(row.role_id), str(row.changed_in))
    referrer = None if row.referrer is None else show_account(row.referrer)
    relationships: dict[str, Relationship] = {"referrer": relate("accounts", referrer)}
    if balances is not None:
        ids = [show_balance(each.balance_id) for each in balances]
        relationships["balances"] = relate_many("balances", ids)
    if signers is not None:
        relationships["signers"] = relate_many("signers", [_get_signer_id(s) for s in signers])
    return Resource("accounts", show_account(row.account_id), attributes, relationships)


def _get_signer_id(row: Any) -> str:
    """One key may sign for several accounts."""
    return f"{show_account(row.account_id)}-{show_account(row.public_key)}"


def render_signer(row: Any) -> Resource[SignerAttributes]:
    attributes = SignerAttributes(
        row.weight,
        row.identity,
        str(row.role_id),
        render_details(row.details),
        str(row.changed_in),
    )
    relationships = {
        "account": relate("accounts", show_account(row.account_id)),
        "public_key": relate("public-keys", show_account(row.public_key)),
    }
    return Resource("signers", _get_signer_id(row), attributes, relationships)


def render_balance(row: Any, scales: Scales) -> Resource[BalanceAttributes]:
    digits = scales.digits[row.asset]
    attributes = BalanceAttributes(
        row.asset,
        format_amount(int(row.amount), digits),
        format_amount(int(row.locked), digits),
        str(row.changed_in),
    )
    relationships = {
        "owner": relate("accounts", show_account(row.account_id)),
        "asset": relate("assets", row.asset),
    }
    return Resource("balances", show_balance(row.balance_id), attributes, relationships)


def render_asset(row: Any) -> Resource[AssetAttributes]:
    digits = row.trailing_digits
    attributes = AssetAttributes(
        max_issuance_amount=format_amount(int(row.max_issuance_amount), digits),
        available_for_issuance=format_amount(int(row.available_for_issuance), digits),
        issued=format_amount(int(row.issued), digits),
        pending_issuance=format_amount(int(row.pending_issuance), digits),
        preissued_asset_signer=show_account(row.preissued_asset_signer),
        policies=_render_policies(row.policies),
        asset_type=str(int(row.asset_type)),
        trailing_digits=digits,
        details=render_details(row.details),
        changed_in=str(row.changed_in),
    )
    relationships = {"owner": relate("accounts", show_account(row.owner))}
    return Resource("assets", row.code, attributes, relationships)


@lru_cache(256)
def _render_policies(policies: int) -> Flags:
    known = [Flag(each.name or "", int(each)) for each in AssetPolicy if policies & each]
    return Flags(policies, known)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()

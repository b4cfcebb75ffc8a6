"""Payment: moves an amount of one asset between two balances."""

from typing import NamedTuple

from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Action, Amount, Fee
from schemas.generated.entries import Account, Balance, Statistics
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import (
    Payment,
    PaymentCode,
    PaymentFeeData,
    PaymentResult,
    PaymentToAccount,
)
from schemas.generated.transactions import FeesDue, OperationResult
from streams.ledger.access.checks import is_account_allowed
from streams.ledger.access.requirements import Requirements, require_asset
from streams.ledger.assets import find_asset_of_balance
from streams.ledger.balances import (
    apply_charge,
    apply_credit,
    get_or_create_first_balance,
    is_full,
)
from streams.ledger.context import TransactionContext
from streams.ledger.errors import InvariantViolation
from streams.ledger.fees import (
    NOTHING,
    PAYMENT_INCOMING,
    PAYMENT_OUTGOING,
    apply_commission,
    compute_account_fee,
    compute_sum,
    compute_total,
    is_within,
)
from streams.ledger.limits import PAYMENT_KINDS, apply_counts, compute_account_counts
from streams.ledger.operations.outcome import (
    compute_reference_refusal,
    refused,
    refused_access,
    refused_limits,
    succeeded,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

OUTPUT_BYTES = (
    compute_change_bytes(Balance, 2)
    + compute_change_bytes(Statistics, len(PAYMENT_KINDS))
    + 2 * EFFECT_BYTES
    + compute_result_bytes(PaymentResult)
)
COMMISSION_BYTES = compute_change_bytes(Balance) + EFFECT_BYTES
TRANSFERABLE = int(AssetPolicy.TRANSFERABLE)  # a flag's own arithmetic costs half a microsecond


def validate(op: Payment) -> PaymentCode | None:
    """Checks that hold whatever the ledger says."""
    if op.amount == 0:
        return PaymentCode.INVALID_AMOUNT
    if op.reference is not None and not op.reference.text:
        return PaymentCode.INVALID_REFERENCE
    return None


def get_requirements(
    op: Payment,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,
) -> Requirements | None:
    """Sending the asset."""
    asset = find_asset_of_balance(state, op.source_balance)
    if asset is None:
        return None
    return (require_asset(Action.SEND, asset.code, asset.asset_type),)


def apply(
    op: Payment, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Charges the source, credits the destination, whose balance is created if need be (1.4)."""
    sender = delta.get_balance(op.source_balance)
    if sender is None or sender.account_id != source:
        return refused(PaymentCode.SOURCE_BALANCE_NOT_FOUND)
    kind, reference = ReferenceKind.PAYMENT, op.reference
    if reference is not None:
        refusal = compute_reference_refusal(PaymentCode, kind, source, reference, delta, context)
        if refusal is not None:
            return refusal
    receiver = _get_or_create_receiver(op, sender.asset, delta, context)
    if isinstance(receiver, PaymentCode):
        return refused(receiver)
    refusal = _compute_party_refusal(sender, receiver, delta, context)
    if refusal is not None:
        return refusal
    payer, payee = delta.get_account(source), delta.get_account(receiver.account_id)
    if payer is None or payee is None:
        raise InvariantViolation("an account of a payment's balances is gone")
    fees = _compute_fees(op, sender.asset, payer, payee, delta, context)
    refusal = _compute_amount_refusal(op, sender, receiver, fees)
    if refusal is not None:
        return refusal
    at_ms = context.ledger.close_time_ms
    counts = compute_account_counts(delta, payer, PAYMENT_KINDS, sender.asset, op.amount, at_ms)
    if not isinstance(counts, tuple):
        return refused_limits(PaymentCode, counts)
    if reference is not None:
        delta.use_reference(kind, source, reference, context.ledger.sequence)
    apply_counts(delta, counts)
    return succeeded(_apply_movements(op, sender, receiver, fees, delta, context))


def compute_output_bytes(op: Payment, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope. Who accepts no fee is
    charged none."""
    return OUTPUT_BYTES if op.fee_data is None else OUTPUT_BYTES + COMMISSION_BYTES


def compute_destination_refusal(op: Payment, state: LedgerState) -> PaymentCode | None:
    """Why this destination can never be paid from this balance, whatever the amounts are."""
    sender = state.get_balance(op.source_balance)
    if sender is None:
        return PaymentCode.SOURCE_BALANCE_NOT_FOUND
    if isinstance(op.destination, PaymentToAccount):
        exists = state.get_account(op.destination.account_id) is not None
        return None if exists else PaymentCode.DESTINATION_ACCOUNT_NOT_FOUND
    receiver = state.get_balance(op.destination.balance_id)
    if receiver is None:
        return PaymentCode.DESTINATION_BALANCE_NOT_FOUND
    if receiver.balance_id == sender.balance_id:
        return PaymentCode.SELF_PAYMENT
    return None if receiver.asset == sender.asset else PaymentCode.BALANCE_ASSETS_MISMATCHED


def _get_or_create_receiver(
    op: Payment, asset: str, delta: LedgerDelta, context: TransactionContext
) -> Balance | PaymentCode:
    """Created before the last guards: a refusal takes the whole transaction back."""
    if not isinstance(op.destination, PaymentToAccount):
        balance = delta.get_balance(op.destination.balance_id)
        return PaymentCode.DESTINATION_BALANCE_NOT_FOUND if balance is None else balance
    network_id, account_id = context.ledger.network_id, op.destination.account_id
    if delta.get_account(account_id) is None:
        return PaymentCode.DESTINATION_ACCOUNT_NOT_FOUND
    balance = get_or_create_first_balance(delta, network_id, account_id, asset)
    return PaymentCode.DESTINATION_BALANCE_NOT_FOUND if balance is None else balance


def _compute_party_refusal(
    sender: Balance, receiver: Balance, delta: LedgerDelta, context: TransactionContext
) -> OperationResult | None:
    """Why these two may not pay each other at all."""
    if sender.balance_id == receiver.balance_id:
        return refused(PaymentCode.SELF_PAYMENT)
    if sender.asset != receiver.asset:
        return refused(PaymentCode.BALANCE_ASSETS_MISMATCHED)
    asset = delta.get_asset(sender.asset)
    if asset is None or not asset.policies & TRANSFERABLE:
        return refused(PaymentCode.NOT_ALLOWED_BY_ASSET_POLICY)
    account_id = receiver.account_id
    receiving = require_asset(Action.RECEIVE, asset.code, asset.asset_type)
    if not is_account_allowed(delta, account_id, receiving, context):
        return refused_access(PaymentCode.COUNTERPARTY_NOT_ALLOWED, account_id, receiving)
    return None


class _Fees(NamedTuple):
    """What is due, and what of it each side pays."""

    outgoing: Fee | None
    incoming: Fee | None
    by_sender: Fee | None
    by_receiver: Fee | None


NO_FEES = _Fees(None, None, None, None)


def _compute_fees(
    op: Payment,
    asset: str,
    payer: Account,
    payee: Account,
    delta: LedgerDelta,
    context: TransactionContext,
) -> _Fees:
    """The master account's payments cost their receivers nothing (TokenD 2.1)."""
    outgoing = compute_account_fee(delta, payer, PAYMENT_OUTGOING, asset, op.amount)
    incoming = None
    if payer.account_id != context.ledger.settings.master_account:
        incoming = compute_account_fee(delta, payee, PAYMENT_INCOMING, asset, op.amount)
    if outgoing is None and incoming is None:
        return NO_FEES
    if op.fee_data is not None and op.fee_data.source_pays_for_destination:
        return _Fees(outgoing, incoming, compute_sum(outgoing, incoming), None)
    return _Fees(outgoing, incoming, outgoing, incoming)


def _compute_amount_refusal(
    op: Payment, sender: Balance, receiver: Balance, fees: _Fees
) -> OperationResult | None:
    if fees is not NO_FEES and not _are_fees_accepted(op.fee_data, fees):
        due = FeesDue(sender.asset, fees.outgoing or NOTHING, fees.incoming or NOTHING)
        return refused(PaymentCode.INSUFFICIENT_FEE_AMOUNT, due)
    if compute_total(fees.by_receiver) > op.amount:
        return refused(PaymentCode.AMOUNT_IS_LESS_THAN_DESTINATION_FEE)
    if sender.amount < op.amount + compute_total(fees.by_sender):
        return refused(PaymentCode.UNDERFUNDED)
    if is_full(receiver, op.amount):
        return refused(PaymentCode.LINE_FULL)
    return None


def _are_fees_accepted(accepted: PaymentFeeData | None, fees: _Fees) -> bool:
    return (
        accepted is not None
        and is_within(fees.outgoing, accepted.source_fee)
        and is_within(fees.incoming, accepted.destination_fee)
    )


def _apply_movements(
    op: Payment,
    sender: Balance,
    receiver: Balance,
    fees: _Fees,
    delta: LedgerDelta,
    context: TransactionContext,
) -> PaymentResult:
    apply_charge(delta, sender, op.amount, EffectKind.CHARGED, fees.by_sender)
    apply_credit(delta, receiver, op.amount, EffectKind.FUNDED, fees.by_receiver)
    sent = op.amount
    if fees is not NO_FEES:
        commission = compute_total(fees.outgoing) + compute_total(fees.incoming)
        apply_commission(delta, context.ledger.network_id, sender.asset, commission)
        sent = Amount(sent + compute_total(fees.by_sender))
    return PaymentResult(
        receiver.account_id,
        receiver.balance_id,
        sender.asset,
        sent,
        fees.outgoing,
        fees.incoming,
    )

"""Payment: moves an amount of one asset between two balances."""

from schemas.contract import ReferenceKind
from schemas.generated.common import AccountID, Permission
from schemas.generated.entries import Balance
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import (
    Payment,
    PaymentCode,
    PaymentResult,
    PaymentToAccount,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.balances import (
    apply_charge,
    apply_credit,
    apply_new_balance,
    get_first_balance,
    is_full,
)
from streams.ledger.context import TransactionContext
from streams.ledger.operations.outcome import (
    compute_reference_refusal,
    refused,
    refused_access,
    succeeded,
)
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.permissions import is_account_allowed
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AssetPolicy

PERMISSION = Permission.SEND_PAYMENT
OUTPUT_BYTES = (
    compute_change_bytes(Balance, 2) + 2 * EFFECT_BYTES + compute_result_bytes(PaymentResult)
)
TRANSFERABLE = int(AssetPolicy.TRANSFERABLE)  # a flag's own arithmetic costs half a microsecond


def validate(op: Payment) -> PaymentCode | None:
    """Checks that hold whatever the ledger says."""
    if op.amount == 0:
        return PaymentCode.INVALID_AMOUNT
    if op.reference is not None and not op.reference.text:
        return PaymentCode.INVALID_REFERENCE
    return None


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
    refusal = _compute_refusal(op, sender, receiver, delta)
    if refusal is not None:
        return refusal
    if reference is not None:
        delta.use_reference(kind, source, reference, context.ledger.sequence)
    apply_charge(delta, sender, op.amount, EffectKind.CHARGED)
    apply_credit(delta, receiver, op.amount, EffectKind.FUNDED)
    return succeeded(
        PaymentResult(
            receiver.account_id,
            receiver.balance_id,
            sender.asset,
            op.amount,
            None,
            None,
        )
    )


def compute_output_bytes(op: Payment, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


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
    first = get_first_balance(delta, network_id, account_id, asset)
    created = first or apply_new_balance(delta, network_id, account_id, asset)
    return PaymentCode.DESTINATION_BALANCE_NOT_FOUND if created is None else created


def _compute_refusal(
    op: Payment, sender: Balance, receiver: Balance, delta: LedgerDelta
) -> OperationResult | None:
    if sender.balance_id == receiver.balance_id:
        return refused(PaymentCode.SELF_PAYMENT)
    if sender.asset != receiver.asset:
        return refused(PaymentCode.BALANCE_ASSETS_MISMATCHED)
    asset = delta.get_asset(sender.asset)
    if asset is None or not asset.policies & TRANSFERABLE:
        return refused(PaymentCode.NOT_ALLOWED_BY_ASSET_POLICY)
    account_id = receiver.account_id
    if not is_account_allowed(delta, account_id, Permission.RECEIVE_PAYMENT):
        code = PaymentCode.COUNTERPARTY_NOT_ALLOWED
        return refused_access(code, account_id, Permission.RECEIVE_PAYMENT)
    if sender.amount < op.amount:
        return refused(PaymentCode.UNDERFUNDED)
    if is_full(receiver, op.amount):
        return refused(PaymentCode.LINE_FULL)
    return None

"""Payment: moves an amount of one asset between two balances."""

from schemas.generated.common import AccountID, Amount, Permission
from schemas.generated.ledger import Asset, Balance, EffectKind, Reference
from schemas.generated.operations import (
    Payment,
    PaymentCode,
    PaymentFee,
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
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.permissions import is_account_allowed
from streams.ledger.references import get_first_use
from streams.ledger.state import LedgerDelta
from streams.ledger.values import AssetPolicy

OUTPUT_BYTES = 1_400
TRANSFERABLE = int(AssetPolicy.TRANSFERABLE)  # a flag's own arithmetic costs half a microsecond
NO_FEE = PaymentFee(Amount(0), Amount(0))


def validate(op: Payment) -> PaymentCode | None:
    """Checks that hold whatever the ledger says."""
    if op.amount == 0:
        return PaymentCode.INVALID_AMOUNT
    return None


def apply(
    op: Payment, source: AccountID, delta: LedgerDelta, context: TransactionContext
) -> OperationResult:
    """Charges the source, credits the destination, whose balance is created if need be (1.4)."""
    sender = delta.get_balance(op.source_balance)
    if sender is None or sender.account_id != source:
        return refused(PaymentCode.SOURCE_BALANCE_NOT_FOUND)
    if op.reference:
        first = get_first_use(delta, source, op.reference)
        if first is not None:
            return refused(PaymentCode.REFERENCE_DUPLICATION, first)
    receiver = _get_or_create_receiver(op, sender.asset, delta, context)
    if isinstance(receiver, PaymentCode):
        return refused(receiver)
    code = _compute_refusal(op, sender, receiver, delta)
    if code is not None:
        return refused(code)
    if op.reference:
        delta.put(Reference(source, op.reference, context.get_reference()))
    apply_charge(delta, sender, op.amount, EffectKind.CHARGED)
    apply_credit(delta, receiver, op.amount, EffectKind.FUNDED)
    return succeeded(
        PaymentResult(
            receiver.account_id,
            receiver.balance_id,
            sender.asset,
            op.amount,
            NO_FEE,
            NO_FEE,
        )
    )


def compute_output_bytes(op: Payment) -> int:  # noqa: ARG001 - every operation has this form
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
) -> PaymentCode | None:
    if sender.balance_id == receiver.balance_id:
        return PaymentCode.SELF_PAYMENT
    if sender.asset != receiver.asset:
        return PaymentCode.BALANCE_ASSETS_MISMATCHED
    asset: Asset | None = delta.get_asset(sender.asset)
    if asset is None or not asset.policies & TRANSFERABLE:
        return PaymentCode.NOT_ALLOWED_BY_ASSET_POLICY
    if not is_account_allowed(delta, receiver.account_id, Permission.RECEIVE_PAYMENT):
        return PaymentCode.COUNTERPARTY_NOT_ALLOWED
    if sender.amount < op.amount:
        return PaymentCode.UNDERFUNDED
    if is_full(receiver, op.amount):
        return PaymentCode.LINE_FULL
    return None

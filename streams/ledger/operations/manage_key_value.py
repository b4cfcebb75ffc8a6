"""ManageKeyValue: the network's configuration, kept in the ledger."""

from schemas.generated.common import AccountID, Action
from schemas.generated.entries import KeyValue
from schemas.generated.keys import key_value_key
from schemas.generated.operations import (
    ManageKeyValue,
    ManageKeyValueCode,
    ManageKeyValueResult,
    PutKeyValue,
    StringValue,
    U32Value,
    U64Value,
    U128Value,
)
from schemas.generated.transactions import OperationResult
from streams.ledger.access.requirements import Requirements, require_key_value
from streams.ledger.assets import get_active_asset
from streams.ledger.balances import add_participant
from streams.ledger.border.network_fees import FLOAT
from streams.ledger.context import TransactionContext
from streams.ledger.fees import (
    FEE_COLLECTION_BALANCE,
    OPERATION_FEE_ASSET,
    get_balance_of_text,
)
from streams.ledger.operations.outcome import refused, succeeded
from streams.ledger.output import EFFECT_BYTES, compute_change_bytes, compute_result_bytes
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import is_word

OUTPUT_BYTES = (
    compute_change_bytes(KeyValue) + EFFECT_BYTES + compute_result_bytes(ManageKeyValueResult)
)

# The type of every key that begins so (TokenD 1.7); other keys are free.
RESERVED_PREFIXES: tuple[tuple[str, type], ...] = (
    ("account_role:", U64Value),
    ("aml_alert_create", U32Value),
    ("asset_create_tasks", U32Value),
    ("asset_type:", U64Value),
    ("asset_update_tasks", U32Value),
    ("change_role_task:", U32Value),
    ("change_role_tasks:", U32Value),
    ("create_kyc_recovery_tasks", U32Value),
    ("ext_sys_exp_period:", U32Value),
    ("ext_sys_low_water:", U32Value),
    (FEE_COLLECTION_BALANCE, StringValue),
    ("governed_change_tasks", U32Value),
    ("issuance_cap:", U128Value),
    ("issuance_tasks:", U32Value),
    ("kyc_recovery_enabled", U32Value),
    ("kyc_recovery_signer_role", U64Value),
    ("limits_update_tasks", U32Value),
    (FLOAT, StringValue),
    (OPERATION_FEE_ASSET, StringValue),
    ("payment_tasks:", U32Value),
    ("preissuance_tasks:", U32Value),
    ("redemption_tasks", U32Value),
    ("signer_role:", U64Value),
    ("withdraw_lower_bound:", U128Value),
    ("withdrawal_cap:", U128Value),
    ("withdrawal_tasks:", U32Value),
)
NEVER_ZERO_PREFIXES = ("withdrawal_tasks:", "limits_update_tasks")


def validate(op: ManageKeyValue) -> ManageKeyValueCode | None:
    """Checks that hold whatever the ledger says."""
    if not is_word(op.key):
        return ManageKeyValueCode.INVALID_KEY
    if isinstance(op.action, PutKeyValue):
        value = op.action.value
        if any(op.key.startswith(p) and type(value) is not t for p, t in RESERVED_PREFIXES):
            return ManageKeyValueCode.INVALID_TYPE
        if op.key.startswith(NEVER_ZERO_PREFIXES) and value == U32Value(0):
            return ManageKeyValueCode.ZERO_VALUE_NOT_ALLOWED
    return None


def get_requirements(
    op: ManageKeyValue,
    source: AccountID,  # noqa: ARG001 - every operation has this form
    state: LedgerState,  # noqa: ARG001
) -> Requirements | None:
    """Changing or removing the key."""
    action = Action.UPDATE if isinstance(op.action, PutKeyValue) else Action.REMOVE
    return (require_key_value(action, op.key),)


def apply(
    op: ManageKeyValue,
    source: AccountID,
    delta: LedgerDelta,
    context: TransactionContext,  # noqa: ARG001 - every operation has this form
) -> OperationResult:
    """Puts or removes one key (TokenD 1.2)."""
    if isinstance(op.action, PutKeyValue):
        if not _is_collecting_balance(op.key, op.action.value, delta):
            return refused(ManageKeyValueCode.BALANCE_NOT_FOUND)
        if op.key == OPERATION_FEE_ASSET and not _is_active_asset(op.action.value, delta):
            return refused(ManageKeyValueCode.ASSET_NOT_FOUND)
        delta.put(KeyValue(op.key, op.action.value))
    elif delta.get_key_value(op.key) is None:
        return refused(ManageKeyValueCode.NOT_FOUND)
    else:
        delta.remove(key_value_key(op.key))
    add_participant(delta, source)
    return succeeded(ManageKeyValueResult())


def compute_output_bytes(op: ManageKeyValue, state: LedgerState | None) -> int:  # noqa: ARG001 - a common form
    """The most bytes it can add to a ledger's body beside the envelope."""
    return OUTPUT_BYTES


def _is_collecting_balance(key: str, value: object, delta: LedgerDelta) -> bool:
    """Whether a key that names where fees go names a balance of its asset; true of other keys."""
    if not key.startswith(FEE_COLLECTION_BALANCE) or not isinstance(value, StringValue):
        return True
    balance = get_balance_of_text(delta, value.value)
    return balance is not None and balance.asset == key.removeprefix(FEE_COLLECTION_BALANCE)


def _is_active_asset(value: object, delta: LedgerDelta) -> bool:
    return isinstance(value, StringValue) and get_active_asset(delta, value.value) is not None

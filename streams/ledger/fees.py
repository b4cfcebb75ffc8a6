"""What fees come to, and where they go. Pure arithmetic over fee schedules.

A schedule belongs to an account, to an account role, or to all. The first of the three with a range
that holds the amount decides; where none has one, nothing is due (TokenD 2.1). Percentages are in
hundred-millionths of the amount (as TokenD's: a hundred percent is 100 * 10^6) and round up.
"""

from functools import lru_cache

from schemas.binary import encode_number, encode_text
from schemas.contract import OPERATIONS
from schemas.generated.common import AccountID, Amount, BalanceID, Fee, FeeRange, FeeType, Hash
from schemas.generated.entries import Account, Balance, FeeSchedule, KeyValue
from schemas.generated.keys import FEE_SCHEDULE, KeyBytes, key_value_key
from schemas.generated.ledger import EffectKind
from schemas.generated.operations import StringValue
from schemas.strkey import StrkeyError, decode_balance_id
from streams.ledger.balances import apply_credit, apply_new_balance
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_balance_id
from streams.ledger.state import LedgerDelta, LedgerState

PERCENT_WHOLE = 100_000_000
OPERATION_FEE_ASSET = "operation_fee_asset"
FEE_COLLECTION_BALANCE = "fee_collection_balance:"
NOTHING = Fee(Amount(0), Amount(0))
ABSENT, PRESENT = b"\x00", b"\x02"  # of the keys' optional fields
OF_ACCOUNT = FEE_SCHEDULE + PRESENT


class FeeKind:
    """A fee type and subtype. It knows the end of its schedules' keys, because every payment looks
    up six of them."""

    __slots__ = ("key_end",)

    def __init__(self, fee_type: FeeType, subtype: int = 0) -> None:
        self.key_end = encode_number(fee_type.value) + encode_number(subtype)


PAYMENT_OUTGOING = FeeKind(FeeType.PAYMENT, 1)
PAYMENT_INCOMING = FeeKind(FeeType.PAYMENT, 2)
WITHDRAWAL = FeeKind(FeeType.WITHDRAWAL)
ISSUANCE = FeeKind(FeeType.ISSUANCE)
SUBTYPES = {
    FeeType.PAYMENT: range(1, 3),
    FeeType.WITHDRAWAL: range(1),
    FeeType.ISSUANCE: range(1),
    FeeType.OPERATION: range(len(OPERATIONS)),
}


def compute_fee(
    state: LedgerState, account_id: AccountID, kind: FeeKind, asset: str, amount: int
) -> Fee | None:
    """What `account_id` owes for `amount` of `asset`; None: nothing."""
    account = state.get_account(account_id)
    return None if account is None else compute_account_fee(state, account, kind, asset, amount)


def compute_account_fee(
    state: LedgerState, account: Account, kind: FeeKind, asset: str, amount: int
) -> Fee | None:
    """The same, where the account is at hand."""
    account_end, role_key, global_key = _get_shared_keys(account.role_id, asset, kind.key_end)
    schedule = state.find(KeyBytes(OF_ACCOUNT + account.account_id + account_end))
    found = _get_range(schedule, amount)
    if found is None:
        found = _get_range(state.find(role_key), amount)
    if found is None:
        found = _get_range(state.find(global_key), amount)
    if found is None:
        return None
    percent = -(-amount * found.percent // PERCENT_WHOLE)
    return Fee(found.fixed, Amount(percent)) if found.fixed or percent else None


def get_schedule_keys(account: Account, kind: FeeKind, asset: str) -> tuple[KeyBytes, ...]:
    """Of all schedules that can say what the account owes."""
    end, role_key, global_key = _get_shared_keys(account.role_id, asset, kind.key_end)
    return KeyBytes(OF_ACCOUNT + account.account_id + end), role_key, global_key


def compute_total(fee: Fee | None) -> int:
    """Both parts together."""
    return 0 if fee is None else fee.fixed + fee.percent


def compute_sum(one: Fee | None, other: Fee | None) -> Fee | None:
    """Two fees of one asset, part by part."""
    if one is None or other is None:
        return one or other
    return Fee(Amount(one.fixed + other.fixed), Amount(one.percent + other.percent))


def is_within(fee: Fee | None, fee_max: Fee) -> bool:
    """Whether no part is more than its maximum."""
    return fee is None or (fee.fixed <= fee_max.fixed and fee.percent <= fee_max.percent)


def apply_commission(delta: LedgerDelta, network_id: Hash, asset: str, amount: int) -> None:
    """Credits what was charged as fees to the commission balance of the asset."""
    if amount:
        balance = _get_commission_balance(delta, network_id, asset)
        apply_credit(delta, balance, Amount(amount), EffectKind.FUNDED)


def get_balance_of_text(state: LedgerState, text: str) -> Balance | None:
    """The balance that a text like B... names."""
    balance_id = _read_balance_id(text)
    return None if balance_id is None else state.get_balance(balance_id)


def _get_commission_balance(delta: LedgerDelta, network_id: Hash, asset: str) -> Balance:
    """The one that the key-value names, else the master account's first, created on demand."""
    named = delta.find(_get_collection_key(asset))
    if type(named) is KeyValue and type(named.value) is StringValue:
        balance = get_balance_of_text(delta, named.value.value)
        if balance is not None:
            return balance
    master = delta.get_network_settings().master_account
    first = delta.get_balance(_compute_first_balance_id(network_id, master, asset))
    balance = first or apply_new_balance(delta, network_id, master, asset)
    if balance is None:
        raise InvariantViolation(f"the master account can hold no balance of {asset}")
    return balance


@lru_cache(maxsize=1024)
def _get_collection_key(asset: str) -> KeyBytes:
    return key_value_key(FEE_COLLECTION_BALANCE + asset)


@lru_cache(maxsize=1024)
def _compute_first_balance_id(network_id: Hash, account_id: AccountID, asset: str) -> BalanceID:
    return compute_balance_id(network_id, account_id, asset, 0)


@lru_cache(maxsize=4096)
def _get_shared_keys(role_id: int, asset: str, key_end: bytes) -> tuple[bytes, KeyBytes, KeyBytes]:
    """What all accounts of a role look up: the end of an account's own key, and the other two."""
    end = encode_text(asset) + key_end
    role_key = FEE_SCHEDULE + ABSENT + PRESENT + role_id.to_bytes(8) + end
    return ABSENT + end, KeyBytes(role_key), KeyBytes(FEE_SCHEDULE + ABSENT + ABSENT + end)


def _get_range(schedule: object, amount: int) -> FeeRange | None:
    if type(schedule) is FeeSchedule:
        for each in schedule.ranges:
            if each.lower <= amount <= each.upper:
                return each
    return None


@lru_cache(maxsize=1024)
def _read_balance_id(text: str) -> BalanceID | None:
    try:
        return BalanceID(decode_balance_id(text))
    except StrkeyError:
        return None

"""Creating, crediting and charging balances: the only code that changes an amount."""

from schemas.generated.common import AccountID, Amount, BalanceID, Fee, Hash
from schemas.generated.entries import AssetSupply, Balance
from schemas.generated.ledger import BalanceMovement, EffectKind
from streams.ledger.errors import InvariantViolation
from streams.ledger.hashes import compute_balance_id
from streams.ledger.state import LedgerDelta, LedgerState
from streams.ledger.values import AMOUNT_MAX, MAX_BALANCES_PER_ASSET


def apply_new_balance(
    delta: LedgerDelta, network_id: Hash, account_id: AccountID, asset: str
) -> Balance | None:
    """Creates the account's next balance of the asset; None when it has the most it may have."""
    for index in range(MAX_BALANCES_PER_ASSET):
        balance_id = compute_balance_id(network_id, account_id, asset, index)
        if delta.get_balance(balance_id) is None:
            balance = Balance(balance_id, account_id, asset, Amount(0), Amount(0))
            delta.put(balance)
            return balance
    return None


def get_first_balance(
    delta: LedgerDelta, network_id: Hash, account_id: AccountID, asset: str
) -> Balance | None:
    return delta.get_balance(compute_balance_id(network_id, account_id, asset, 0))


def get_or_create_first_balance(
    delta: LedgerDelta, network_id: Hash, account_id: AccountID, asset: str
) -> Balance | None:
    """None where it cannot be created."""
    first = get_first_balance(delta, network_id, account_id, asset)
    return first or apply_new_balance(delta, network_id, account_id, asset)


def get_known_balance(state: LedgerState, balance_id: BalanceID) -> Balance:
    """A balance that was there before: balances stay for ever."""
    balance = state.get_balance(balance_id)
    if balance is None:
        raise InvariantViolation(f"the balance {balance_id.hex()} is gone")
    return balance


def get_balance_asset(state: LedgerState, balance_id: BalanceID) -> str | None:
    """The code of the asset that a balance is of; None: there is no such balance."""
    balance = state.get_balance(balance_id)
    return None if balance is None else balance.asset


def is_full(balance: Balance, amount: Amount) -> bool:
    """Whether crediting `amount` would exceed 128 bits."""
    return balance.amount + balance.locked + amount > AMOUNT_MAX


def apply_credit(
    delta: LedgerDelta, balance: Balance, amount: Amount, kind: EffectKind, fee: Fee | None = None
) -> None:
    """Adds `amount` without `fee` to what may be spent. The caller has checked `is_full`."""
    gain = amount if fee is None else amount - fee.fixed - fee.percent
    delta.put(_with_amount(balance, balance.amount + gain))
    _add_movement(delta, balance, amount, kind, fee)


def apply_charge(
    delta: LedgerDelta, balance: Balance, amount: Amount, kind: EffectKind, fee: Fee | None = None
) -> None:
    """Takes `amount` and `fee` from what may be spent. The caller has checked that it suffices."""
    delta.put(_with_amount(balance, balance.amount - _add_fee(amount, fee)))
    _add_movement(delta, balance, amount, kind, fee)


def apply_lock(
    delta: LedgerDelta, balance: Balance, amount: Amount, fee: Fee | None = None
) -> None:
    """Holds `amount` and `fee` for a request. The caller has checked that they can be spent."""
    held = _add_fee(amount, fee)
    delta.put(_with_amounts(balance, balance.amount - held, balance.locked + held))
    _add_movement(delta, balance, amount, EffectKind.LOCKED, fee)


def apply_unlock(
    delta: LedgerDelta, balance: Balance, amount: Amount, fee: Fee | None = None
) -> None:
    """Gives back what was held."""
    held = _add_fee(amount, fee)
    delta.put(_with_amounts(balance, balance.amount + held, balance.locked - held))
    _add_movement(delta, balance, amount, EffectKind.UNLOCKED, fee)


def apply_charge_locked(
    delta: LedgerDelta, balance: Balance, amount: Amount, kind: EffectKind, fee: Fee | None = None
) -> None:
    """Takes what was held."""
    held = _add_fee(amount, fee)
    delta.put(_with_amounts(balance, balance.amount, balance.locked - held))
    _add_movement(delta, balance, amount, kind, fee)


RECEIVED = (EffectKind.FUNDED, EffectKind.ISSUED)
TAKEN = (EffectKind.WITHDRAWN, EffectKind.BURNED, EffectKind.CHARGED_FROM_LOCKED)


def compute_movement(kind: EffectKind, amount: int, fee: int) -> tuple[int, int]:
    """By how much a movement of this kind changes what may be spent, and what is locked: how a
    reader adds effects up. `fee` is the sum of its parts."""
    if kind in RECEIVED:
        return amount - fee, 0
    if kind is EffectKind.CHARGED:
        return -amount - fee, 0
    if kind is EffectKind.LOCKED:
        return -amount - fee, amount + fee
    if kind is EffectKind.UNLOCKED:
        return amount + fee, -amount - fee
    if kind in TAKEN:
        return 0, -amount - fee
    raise ValueError(f"{kind.name} moves nothing")


def get_supply(state: LedgerState, code: str) -> AssetSupply:
    """The running totals of an asset that exists."""
    supply = state.get_asset_supply(code)
    if supply is None:
        raise InvariantViolation(f"the asset {code} has no supply entry")
    return supply


def apply_issued(delta: LedgerDelta, code: str, amount: Amount) -> None:
    """Moves `amount` from issuable to issued; the caller has checked the limits."""
    supply = get_supply(delta, code)
    delta.put(
        AssetSupply(
            code,
            Amount(supply.available_for_issuance - amount),
            Amount(supply.issued + amount),
            supply.pending_issuance,
        )
    )


def apply_left_circulation(delta: LedgerDelta, code: str, amount: int) -> None:
    """Takes from what is issued: it was withdrawn or burned. It does not become issuable again."""
    supply = get_supply(delta, code)
    issued = Amount(supply.issued - amount)
    delta.put(AssetSupply(code, supply.available_for_issuance, issued, supply.pending_issuance))


def apply_preissued(delta: LedgerDelta, code: str, amount: int) -> None:
    """Adds to what may be issued."""
    supply = get_supply(delta, code)
    available = Amount(supply.available_for_issuance + amount)
    delta.put(AssetSupply(code, available, supply.issued, supply.pending_issuance))


def apply_promised(delta: LedgerDelta, code: str, amount: int) -> None:
    """Adds to what is promised, or takes back a negative `amount`."""
    supply = get_supply(delta, code)
    promised = Amount(supply.pending_issuance + amount)
    delta.put(AssetSupply(code, supply.available_for_issuance, supply.issued, promised))


def add_participant(delta: LedgerDelta, account_id: AccountID) -> None:
    """Notes that an account took part though no balance of its moved."""
    delta.add_effect(account_id, EffectKind.PARTICIPATED)


def _add_movement(
    delta: LedgerDelta, balance: Balance, amount: Amount, kind: EffectKind, fee: Fee | None
) -> None:
    movement = BalanceMovement(balance.balance_id, balance.asset, amount, fee)
    delta.add_effect(balance.account_id, kind, movement)


def _add_fee(amount: int, fee: Fee | None) -> int:
    return amount if fee is None else amount + fee.fixed + fee.percent


def _with_amount(balance: Balance, amount: int) -> Balance:
    return _with_amounts(balance, amount, balance.locked)


def _with_amounts(balance: Balance, amount: int, locked: int) -> Balance:
    return Balance(
        balance.balance_id,
        balance.account_id,
        balance.asset,
        Amount(amount),
        Amount(locked),
    )

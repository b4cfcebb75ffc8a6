"""Addresses of external systems: a pool per system and keyset, and who owned what when.

A pool is a doubly linked list, so that the next address is found, and any is taken out, at once.
A chain's address leaves the list when it is bound and belongs to that account for ever. A bank's
reference goes to the list's end whenever it is bound or prolonged, and passes on once it has rested
behind its last binding. Bindings are entries that stay: they answer who owned an address when.
"""

from msgspec.structs import replace

from schemas.generated.common import U64, AccountID, WalletKind
from schemas.generated.entries import (
    ExternalAccount,
    ExternalAddress,
    ExternalAddressState,
    ExternalBinding,
    ExternalPool,
)
from schemas.generated.operations import U32Value
from streams.ledger.border.chains import is_bank
from streams.ledger.errors import InvariantViolation
from streams.ledger.key_values import get_number
from streams.ledger.output import compute_change_bytes
from streams.ledger.state import LedgerDelta, LedgerState

PERIOD = "ext_sys_exp_period:"
PERIOD_DEFAULT_S = 24 * 60 * 60
REST_MS = 30 * 24 * 60 * 60 * 1000
# Itself, those beside it where it was and where it comes to, and the pool.
LIST_BYTES = compute_change_bytes(ExternalAddress, 4) + compute_change_bytes(ExternalPool)
BINDING_BYTES = (
    LIST_BYTES + compute_change_bytes(ExternalBinding) + compute_change_bytes(ExternalAccount)
)


def get_pool(state: LedgerState, system: str) -> ExternalPool:
    """The one that addresses are taken from now."""
    wallet = None if is_bank(system) else state.get_wallet(system, WalletKind.DEPOSIT)
    version = 0 if wallet is None else wallet.keyset_version
    return find_pool(state, system, version)


def find_pool(state: LedgerState, system: str, keyset_version: int) -> ExternalPool:
    """An empty one where nothing was added so far."""
    found = state.get_external_pool(system, keyset_version)
    return found or ExternalPool(system, keyset_version, U64(0), U64(0), None, None)


def add_address(delta: LedgerDelta, system: str, address: str, version: int, index: int) -> int:
    """A new one, which the system never had; returns how many are free then."""
    pool = find_pool(delta, system, version)
    pool = replace(pool, created=U64(pool.created + 1), free=U64(pool.free + 1))
    state = ExternalAddressState.FREE
    made = ExternalAddress(system, address, version, U64(index), state, U64(0), None, None)
    if is_bank(system):
        _put_first(delta, pool, made)
    else:
        _put_last(delta, pool, made)
    return int(pool.free)


def remove_address(delta: LedgerDelta, address: ExternalAddress) -> int:
    """Takes out one that is free; returns how many are left."""
    pool = _take_out(delta, address)
    pool = replace(pool, free=U64(pool.free - 1))
    delta.put(pool)
    delta.put(_unlinked(replace(address, state=ExternalAddressState.REMOVED)))
    return int(pool.free)


def get_last_binding(state: LedgerState, address: ExternalAddress) -> ExternalBinding | None:
    if not address.bindings:
        return None
    return state.get_external_binding(address.system, address.address, address.bindings)


def find_own_address(
    state: LedgerState, system: str, account_id: AccountID
) -> ExternalAddress | None:
    """The one that the account took last, unless it passed on."""
    own = state.get_external_account(account_id, system)
    address = None if own is None else state.get_external_address(system, own.address)
    binding = None if address is None else get_last_binding(state, address)
    return address if binding is not None and binding.account_id == account_id else None


def bind(
    delta: LedgerDelta, system: str, account_id: AccountID, time_ms: int
) -> ExternalBinding | None:
    """What the account has now; None: there is nothing to take."""
    pool, own = get_pool(delta, system), find_own_address(delta, system, account_id)
    if own is not None and own.keyset_version == pool.keyset_version:
        return _prolong(delta, own, account_id, time_ms)
    address = None if pool.first is None else delta.get_external_address(system, pool.first)
    if address is None or not _is_takeable(delta, address, time_ms):
        return None
    delta.put(ExternalAccount(account_id, system, address.address))
    return _bind(delta, address, account_id, time_ms)


def _is_takeable(state: LedgerState, address: ExternalAddress, time_ms: int) -> bool:
    """Free, or a bank's reference that has rested. The list is in the order of binding."""
    binding = get_last_binding(state, address)
    if binding is None:
        return True
    return binding.until_ms is not None and binding.until_ms + REST_MS <= time_ms


def _prolong(
    delta: LedgerDelta, address: ExternalAddress, account_id: AccountID, time_ms: int
) -> ExternalBinding | None:
    binding = get_last_binding(delta, address)
    if binding is None or binding.until_ms is None:
        return binding
    if binding.until_ms <= time_ms:  # it had ended: another interval
        return _bind(delta, address, account_id, time_ms)
    until_ms = max(binding.until_ms, _compute_until(delta, address.system, time_ms))
    binding = replace(binding, until_ms=U64(until_ms))
    delta.put(binding)
    _move_last(delta, address)
    return binding


def _bind(
    delta: LedgerDelta, address: ExternalAddress, account_id: AccountID, time_ms: int
) -> ExternalBinding:
    """Another interval."""
    system, is_first = address.system, not address.bindings
    until_ms = U64(_compute_until(delta, system, time_ms)) if is_bank(system) else None
    number = U64(address.bindings + 1)
    binding = ExternalBinding(system, address.address, number, account_id, U64(time_ms), until_ms)
    delta.put(binding)
    address = replace(address, state=ExternalAddressState.BOUND, bindings=number)
    pool = _take_out(delta, address)
    if is_first:
        pool = replace(pool, free=U64(pool.free - 1))
    if is_bank(system):
        _put_last(delta, pool, _unlinked(address))
    else:
        delta.put(pool)
        delta.put(_unlinked(address))
    return binding


def _compute_until(state: LedgerState, system: str, time_ms: int) -> int:
    period_s = get_number(state, PERIOD + system, U32Value)
    return time_ms + 1000 * (PERIOD_DEFAULT_S if period_s is None else period_s)


def _move_last(delta: LedgerDelta, address: ExternalAddress) -> None:
    if address.next is not None:
        _put_last(delta, _take_out(delta, address), _unlinked(address))


def _unlinked(address: ExternalAddress) -> ExternalAddress:
    return replace(address, previous=None, next=None)


def _get_known(state: LedgerState, system: str, address: str) -> ExternalAddress:
    found = state.get_external_address(system, address)
    if found is None:
        raise InvariantViolation(f"{system} {address} is gone")
    return found


def _take_out(delta: LedgerDelta, address: ExternalAddress) -> ExternalPool:
    """Joins its neighbours; the caller puts the address and the pool that is returned."""
    system = address.system
    pool = find_pool(delta, system, address.keyset_version)
    if address.previous is None:
        pool = replace(pool, first=address.next)
    else:
        delta.put(replace(_get_known(delta, system, address.previous), next=address.next))
    if address.next is None:
        return replace(pool, last=address.previous)
    delta.put(replace(_get_known(delta, system, address.next), previous=address.previous))
    return pool


def _put_first(delta: LedgerDelta, pool: ExternalPool, address: ExternalAddress) -> None:
    if pool.first is not None:
        second = _get_known(delta, pool.system, pool.first)
        delta.put(replace(second, previous=address.address))
    delta.put(replace(address, next=pool.first))
    last = address.address if pool.last is None else pool.last
    delta.put(replace(pool, first=address.address, last=last))


def _put_last(delta: LedgerDelta, pool: ExternalPool, address: ExternalAddress) -> None:
    if pool.last is not None:
        before = _get_known(delta, pool.system, pool.last)
        delta.put(replace(before, next=address.address))
    delta.put(replace(address, previous=pool.last))
    first = address.address if pool.first is None else pool.first
    delta.put(replace(pool, first=first, last=address.address))

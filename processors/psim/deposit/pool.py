"""Refilling a chain's pool of addresses: every instance derives them before it signs. Pure."""

from typing import NamedTuple

from processors.psim.intents import Intent, compute_evidence_key
from processors.psim.view import LedgerView
from schemas.generated.common import U64, WalletKind
from schemas.generated.entries import Keyset, KeysetState
from schemas.generated.operations import (
    CreatePoolEntry,
    ManageExternalSystemAccountIdPoolEntry,
    U32Value,
)
from streams.ledger.border.addresses import find_pool
from streams.ledger.border.chains import is_bank
from streams.ledger.border.keysets import get_current_keyset
from streams.ledger.key_values import get_number

LOW_WATER = "ext_sys_low_water:"
LOW_WATER_DEFAULT = 5
BATCH = 10
"""Addresses of one transaction."""


class Wanted(NamedTuple):
    """Addresses that are lacking: `BATCH` from index `first` on."""

    keyset: Keyset
    first: int

    @property
    def indexes(self) -> range:
        return range(self.first, self.first + BATCH)


def find_wanted(view: LedgerView, chain_id: str) -> Wanted | None:
    """What the pool of the deposit wallet's keyset lacks, if it is low."""
    if is_bank(chain_id):
        keyset: Keyset | None = make_bank_keyset(chain_id)
    else:
        keyset = get_current_keyset(view.state, chain_id, WalletKind.DEPOSIT)
    if keyset is None:
        return None
    pool = find_pool(view.state, chain_id, keyset.version)
    low = get_number(view.state, LOW_WATER + chain_id, U32Value)
    if pool.free >= (LOW_WATER_DEFAULT if low is None else low):
        return None
    return Wanted(keyset, int(pool.created))


def make_bank_keyset(chain_id: str) -> Keyset:
    """A bank's references come from nobody's keys: an empty keyset of version 0 stands for one."""
    return Keyset(
        chain_id=chain_id,
        wallet=WalletKind.DEPOSIT,
        version=0,
        threshold=0,
        cosigners=(),
        derivation="",
        account="",
        binds_from=U64(0),
        state=KeysetState.CURRENT,
    )


def make_refill(chain_id: str, wanted: Wanted, addresses: tuple[str, ...]) -> Intent:
    """`addresses`: as they were derived here for the wanted indexes."""
    version = wanted.keyset.version
    bodies = tuple(
        ManageExternalSystemAccountIdPoolEntry(
            chain_id, address, CreatePoolEntry(version, U64(index))
        )
        for index, address in zip(wanted.indexes, addresses, strict=True)
    )
    key = compute_evidence_key("pool", chain_id, version, wanted.first)
    return Intent(key, "manage_external_system_account_id_pool_entry", bodies)

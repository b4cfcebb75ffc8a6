"""What an operation may know beside the state: the ledger it is closed in."""

from dataclasses import dataclass

from schemas.generated.common import Hash, PublicKey
from schemas.generated.entries import NetworkSettings


@dataclass(slots=True, frozen=True)
class CloseContext:
    """One ledger being closed. `base_assets` and `operation_fee_asset`: those of the state before
    it, so that what a transaction can add is known when it enters the set."""

    network_id: Hash
    sequence: int
    close_time_ms: int
    settings: NetworkSettings
    base_assets: tuple[str, ...]
    operation_fee_asset: str | None = None


@dataclass(slots=True, frozen=True)
class TransactionContext:
    """One transaction being applied in it. `signers`: who signed its envelope."""

    ledger: CloseContext
    transaction_hash: Hash
    signers: tuple[PublicKey, ...] = ()
    is_governed: bool = False  # the operation is what a governed change carries

"""What an operation may know beside the state: the ledger it is closed in."""

from dataclasses import dataclass

from schemas.generated.common import Hash
from schemas.generated.ledger import NetworkSettings
from schemas.generated.transactions import TransactionReference


@dataclass(slots=True, frozen=True)
class CloseContext:
    """One ledger being closed."""

    network_id: Hash
    sequence: int
    close_time_ms: int
    settings: NetworkSettings


@dataclass(slots=True, frozen=True)
class TransactionContext:
    """One transaction being applied in it."""

    ledger: CloseContext
    transaction_hash: Hash

    def get_reference(self) -> TransactionReference:
        return TransactionReference(self.transaction_hash, self.ledger.sequence)

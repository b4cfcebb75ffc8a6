"""What readers that cut a ledger's body themselves have in common. Pure."""

from schemas.binary import read_array_end, read_bytes, read_count
from schemas.generated.bounds import (
    LEDGER_BODY_UPGRADES_ITEMS_MAX,
    LEDGER_BODY_UPGRADES_LENGTH_MAX,
)


def skip_upgrades(data: bytes, at: int) -> int:
    """The end of a body's upgrades: readers need what they changed, not what was voted. Raises
    `Malformed`."""
    count, at = read_count(data, at, LEDGER_BODY_UPGRADES_ITEMS_MAX)
    for _ in range(count):
        _, at = read_bytes(data, at, LEDGER_BODY_UPGRADES_LENGTH_MAX)
    return read_array_end(data, at) if count else at

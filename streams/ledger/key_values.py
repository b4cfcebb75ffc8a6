"""Reading the network's configuration."""

from typing import TypeVar

from schemas.generated.operations import StringValue, U32Value, U64Value, U128Value
from streams.ledger.state import LedgerState

Number = TypeVar("Number", U32Value, U64Value, U128Value)


def get_number(state: LedgerState, key: str, kind: type[Number]) -> int | None:
    """The number that a key-value holds; None: it is not set, or of another type."""
    entry = state.get_key_value(key)
    return entry.value.value if entry is not None and isinstance(entry.value, kind) else None


def get_text(state: LedgerState, key: str) -> str | None:
    """The same of a text."""
    entry = state.get_key_value(key)
    return entry.value.value if entry is not None and isinstance(entry.value, StringValue) else None

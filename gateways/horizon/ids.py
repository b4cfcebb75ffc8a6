"""Ids of history: they ascend as the network acted, and hold the ledger in their high bits.

transaction = ledger sequence << 32 | 1-based index in the ledger << 12
operation   = transaction | 1-based index in the transaction
movement    = ledger sequence << 32 | 1-based index among the ledger's movements
"""

LEDGER_MAX = (1 << 31) - 2  # so that the range of the last one fits a bigint
OPERATIONS_MAX = 100  # of a transaction (schemas/transactions)


def get_ledger_range(sequence: int) -> tuple[int, int]:
    """The ids of a ledger: from the first, to before the second."""
    bounded = min(sequence, LEDGER_MAX)
    return bounded << 32, (bounded + 1) << 32


def get_operation_index(operation_id: int) -> int:
    """The 0-based index of an operation in its transaction."""
    return (operation_id & 0xFFF) - 1

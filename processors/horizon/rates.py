"""Prices of asset pairs as rows: their history, one row for each that was set."""

from typing import NamedTuple

from processors.horizon.schema import Connection
from processors.horizon.transfers import insert_into
from schemas.generated.ledger import PriceChange


class RateRow(NamedTuple):
    """`id`: ledger sequence << 32 | 1-based place among the ledger's prices."""

    id: int
    base: str
    quote: str
    numerator: int
    denominator: int
    round: int
    account_id: bytes
    operation_id: int
    close_time_ms: int


def fold_rate(
    rates: list[RateRow],
    first_id: int,
    account_id: bytes,
    change: PriceChange,
    operation_id: int,
    close_time_ms: int,
) -> None:
    """`first_id`: of the ledger."""
    price = change.price
    rates.append(
        RateRow(
            first_id | len(rates) + 1,
            change.base,
            change.quote,
            price.numerator,
            price.denominator,
            change.round,
            account_id,
            operation_id,
            close_time_ms,
        )
    )


def write_rates(connection: Connection, schema: str, rows: list[RateRow]) -> None:
    """Within the transaction of the ledgers."""
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(insert_into(schema, "rates", RateRow), rows)

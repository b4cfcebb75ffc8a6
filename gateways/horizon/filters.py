"""Filters that several resources share. Each takes the SQL of the column that it compares."""

from gateways.horizon.ids import get_ledger_range
from gateways.horizon.parameters import BY_ACCOUNT, BY_ASSET, BY_BALANCE, BY_LEDGER
from gateways.http.keyset import Filter
from gateways.http.parameter_types import NUMBER
from gateways.http.routes import Parameter

# The source of a collection with it binds the id that movements come before.
AT_LEDGER = Filter(
    Parameter("at_ledger", NUMBER, "As of the end of this ledger.", is_carried=True),
    None,
    lambda sequence: get_ledger_range(sequence)[1:],
)


def by_account(column: str) -> Filter:
    return Filter(BY_ACCOUNT, f"{column} = %s")


def by_asset(column: str) -> Filter:
    return Filter(BY_ASSET, f"{column} = %s")


def by_balance(column: str) -> Filter:
    return Filter(BY_BALANCE, f"{column} = %s")


def by_ledger(column: str) -> Filter:
    """`column` holds ids of history."""
    return Filter(BY_LEDGER, f"{column} >= %s and {column} < %s", get_ledger_range)

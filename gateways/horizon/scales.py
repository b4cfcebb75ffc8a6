"""Decimals of assets and assets of balances, read once: they never change."""

from collections.abc import Iterable
from typing import Any

from gateways.horizon.database import Database, PointQuery
from schemas import readable
from schemas.readable import Scales, find_balances

KNOWN_BALANCES_MAX = 200_000
ASSET_DIGITS = PointQuery(
    "select code as key, code as asset, trailing_digits from horizon.assets where code = any(%s)"
)
BALANCE_ASSET = PointQuery(
    "select b.balance_id as key, b.asset, a.trailing_digits from horizon.balances b"
    " join horizon.assets a on a.code = b.asset where b.balance_id = any(%s)"
)


def find_assets(values: Iterable[Any]) -> set[str]:
    """The codes of the assets that the amounts in records are of."""
    return {code for each in values for code in readable.find_assets(each) if code}


class ScaleCache:
    """Reads what it does not know yet."""

    def __init__(self, database: Database) -> None:
        self.known = Scales()
        self._database = database

    async def get(
        self,
        assets: Iterable[str],
        values: Iterable[Any] = (),
        balances: Iterable[bytes] = (),
    ) -> Scales:
        """Knows the decimals of `assets`, of those of `balances`, and of all amounts in `values`
        that have an asset."""
        known = self.known
        if len(known.assets) > KNOWN_BALANCES_MAX:
            known.assets.clear()
        named = {*balances, *(each for value in values for each in find_balances(value))}
        wanted: list[tuple[PointQuery, Any]] = [
            *((ASSET_DIGITS, each) for each in set(assets) - known.digits.keys()),
            *((BALANCE_ASSET, each) for each in named - known.assets.keys()),
        ]
        if wanted:
            snapshot = await self._database.get_points(*wanted)
            for row in (row for rows in snapshot.rows for row in rows):
                known.digits[row.asset] = row.trailing_digits
                if isinstance(row.key, bytes):
                    known.assets[row.key] = row.asset
        return known

"""The SQL of Horizon's views (processors/horizon/migrations). Text only; who asks stands elsewhere.

Points have their key in the column `key`. Collections are walked by one ascending key.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from gateways.horizon.database import PageQuery, PointQuery
from gateways.horizon.parameters import ASSET_CODE, BALANCE_ID
from gateways.http.paging import Page
from gateways.http.parameter_types import LIMIT_MAX, NUMBER, ParameterType

PROGRESS = (
    "select sequence, close_time_ms, header_hash, network_id, genesis_hash from horizon.progress"
)

LEDGER = PointQuery("select sequence as key, * from horizon.ledgers where sequence = any(%s)")
TRANSACTION = PointQuery(
    "select transaction_hash as key, * from horizon.transactions where transaction_hash = any(%s)"
)
OPERATION = PointQuery("select id as key, * from horizon.operations where id = any(%s)")
ACCOUNT = PointQuery("select account_id as key, * from horizon.accounts where account_id = any(%s)")
ACCOUNT_BALANCES = PointQuery(
    "select account_id as key, * from horizon.balances where account_id = any(%s)"
    " order by account_id, asset, balance_id"
)
ACCOUNT_SIGNERS = PointQuery(
    "select account_id as key, * from horizon.signers where account_id = any(%s)"
    " order by account_id, public_key"
)
BALANCE = PointQuery("select balance_id as key, * from horizon.balances where balance_id = any(%s)")
ASSET = PointQuery("select code as key, * from horizon.assets where code = any(%s)")
SIGNERS_OF_ACCOUNT = PointQuery(
    "select account_id as key, public_key from horizon.signers where account_id = any(%s)"
)
SIGNERS_OF_BALANCE = PointQuery(
    "select b.balance_id as key, s.public_key from horizon.balances b"
    " join horizon.signers s on s.account_id = b.account_id where b.balance_id = any(%s)"
)
SIGNERS_OF_TRANSACTION = PointQuery(
    "select t.transaction_hash as key, s.public_key from horizon.transactions t"
    " join horizon.signers s on s.account_id = t.source_account where t.transaction_hash = any(%s)"
)
# By the signer's accounts, for participants are not indexed by operation. It takes the signer, the
# operation's id, and the account that may see all.
SIGNERS_OF_OPERATION = (
    "with asking as (select account_id from horizon.signers where public_key = %s)"
    " select 1 from asking where exists (select 1 from horizon.participants p"
    " where p.account_id = asking.account_id and p.operation_id = %s) or account_id = %s limit 1"
)
ENTRY = PointQuery("select key, entry from horizon.entries where key = any(%s)")
REJECTIONS_OF_ENVELOPE = PointQuery(
    "select envelope_hash as key, * from horizon.rejections where envelope_hash = any(%s)"
    " order by node"
)
REJECTIONS_OF_TRANSACTION = PointQuery(
    "select transaction_hash as key, * from horizon.rejections where transaction_hash = any(%s)"
    " order by envelope_hash, node"
)
ASSET_DIGITS = PointQuery(
    "select code as key, code as asset, trailing_digits from horizon.assets where code = any(%s)"
)
BALANCE_ASSET = PointQuery(
    "select b.balance_id as key, b.asset, a.trailing_digits from horizon.balances b"
    " join horizon.assets a on a.code = b.asset where b.balance_id = any(%s)"
)
EFFECTS = (
    "select * from horizon.movements where account_id = %s and operation_id = any(%s)"
    " and id >= %s and id < %s order by id"
)


@dataclass(frozen=True, slots=True)
class Filter:
    """`condition` holds as many %s as `expand` makes values. `key` replaces the collection's.

    `walk`: instead of a condition, a subquery that gives the keys in their order. It takes the
    filter's value, the other conditions, the order and how many keys are needed.
    """

    condition: str
    expand: Callable[[Any], tuple[Any, ...]] = lambda value: (value,)
    join: str = ""
    key: str | None = None
    walk: Callable[[str, str, int], str] | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Rows walked by `key`; `position` is the kind of its values in cursors."""

    name: str
    source: str
    columns: str
    key: str
    position: ParameterType
    filters: dict[str, Filter] = field(default_factory=dict)

    def build_query(self, page: Page) -> PageQuery:
        """One row more than the page holds, so that it is known whether more follow."""
        return self._build(page.filters, page.position, page.limit + 1, page.is_ascending)

    def build_stream_query(self, filters: dict[str, Any], position: int) -> PageQuery:
        return self._build(filters, position, LIMIT_MAX, is_ascending=True)

    def _build(self, given: Any, position: Any, limit: int, is_ascending: bool) -> PageQuery:
        filters = [(self.filters[name], value) for name, value in given.items()]
        key = next((each.key for each, _ in filters if each.key), self.key)
        joins = " ".join(each.join for each, _ in filters)
        order = "asc" if is_ascending else "desc"
        plain = [(each, value) for each, value in filters if each.walk is None]
        conditions = [each.condition for each, _ in plain]
        values = [bound for each, value in plain for bound in each.expand(value)]
        if position is not None:
            conditions.append(f"{key} {'>' if is_ascending else '<'} %s")
            values.append(position)
        within = "".join(f" and {each}" for each in conditions)
        for each, value in filters:
            if each.walk is not None:
                conditions.insert(0, f"{key} in ({each.walk(within, order, limit)})")
                values = [value, *values, *values]
        where = f" where {' and '.join(conditions)}" if conditions else ""
        sql = f"select {self.columns} from {self.source} {joins}{where}"  # noqa: S608 - constants
        return PageQuery(f"{sql} order by {key} {order} limit {limit}", tuple(values))


def get_ledger_range(sequence: int) -> tuple[int, int]:
    """The ids of a ledger: from the first, to before the second."""
    return min(sequence, (1 << 31) - 2) << 32, (min(sequence, (1 << 31) - 2) + 1) << 32


def walk_transactions_of_account(within: str, order: str, limit: int) -> str:
    """From the participants of operations, of which a transaction has at most 100.

    So many times more rows are enough, and they bound what a page may cost. Conditions on a
    transaction's id hold for its operations too, but for the one at which the page begins.
    """
    rows, inner = (limit + 1) * OPERATIONS_MAX, within.replace("t.id", "operation_id")
    operations = (
        f"select operation_id from horizon.participants where account_id = %s{inner}"  # noqa: S608
        f" order by operation_id {order} limit {rows}"
    )
    keys = f"select distinct p.operation_id >> 12 << 12 as id from ({operations}) p"  # noqa: S608
    return f"{keys} order by id {order} limit {limit + 1}"


OPERATIONS_MAX = 100  # of a transaction (schemas/transactions)
_TRANSACTION_ID = "(select id from horizon.transactions where transaction_hash = %s limit 1)"

LEDGERS = Collection("ledgers", "horizon.ledgers l", "l.*", "l.sequence", NUMBER)
TRANSACTIONS = Collection(
    "transactions",
    "horizon.transactions t",
    "t.*",
    "t.id",
    NUMBER,
    {
        "filter[account]": Filter("", walk=walk_transactions_of_account),
        "filter[ledger]": Filter("t.id >= %s and t.id < %s", get_ledger_range),
    },
)
OPERATIONS = Collection(
    "operations",
    "horizon.operations o",
    "o.*",
    "o.id",
    NUMBER,
    {
        "filter[account]": Filter(
            "p.account_id = %s",
            join="join horizon.participants p on p.operation_id = o.id",
            key="p.operation_id",
        ),
        "filter[ledger]": Filter("o.id >= %s and o.id < %s", get_ledger_range),
        "filter[transaction]": Filter(
            f"o.id >= {_TRANSACTION_ID} and o.id <= {_TRANSACTION_ID} + 4095",
            lambda value: (value, value),
        ),
    },
)
HISTORY = Collection(
    "participant-effects",
    "horizon.participants p join horizon.operations o on o.id = p.operation_id",
    "o.*, p.account_id",
    "p.operation_id",
    NUMBER,
    {"filter[account]": Filter("p.account_id = %s")},
)
MOVEMENTS = Collection(
    "movements",
    "horizon.movements m",
    "m.*",
    "m.id",
    NUMBER,
    {
        "filter[account]": Filter("m.account_id = %s"),
        "filter[balance]": Filter("m.balance_id = %s"),
        "filter[asset]": Filter("m.asset = %s"),
    },
)
BALANCES = Collection(
    "balances",
    "horizon.balances b",
    "b.*",
    "b.balance_id",
    BALANCE_ID,
    {
        "filter[account]": Filter("b.account_id = %s"),
        "filter[asset]": Filter("b.asset = %s"),
    },
)
ASSETS = Collection("assets", "horizon.assets a", "a.*", "a.code", ASSET_CODE)

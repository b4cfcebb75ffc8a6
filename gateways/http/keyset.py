"""Collections in SQL: rows walked by one ascending key, narrowed by filters. Pure, text only."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from gateways.http.paging import Page
from gateways.http.parameter_types import LIMIT_MAX, ParameterType
from gateways.http.routes import Parameter


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A statement. It is hashable, so that equal ones can be executed once: a tuple among the
    parameters stands for an array.
    """

    sql: str
    parameters: tuple[Hashable, ...] = ()

    def get_values(self) -> list[Any]:
        return [list(each) if isinstance(each, tuple) else each for each in self.parameters]


@dataclass(frozen=True)
class Filter:
    """A parameter of the query that narrows a collection.

    `condition` has as many %s as `expand` makes values; None: the collection's source has them.
    `key` replaces the collection's key. `walk` replaces the condition by a subquery that gives the
    keys in their order. It takes the other conditions, the order and the number of keys that are
    needed.
    """

    parameter: Parameter
    condition: str | None
    expand: Callable[[Any], tuple[Any, ...]] = lambda value: (value,)
    join: str = ""
    key: str | None = None
    walk: Callable[[str, str, int], str] | None = None


@dataclass(frozen=True)
class Collection:
    """Rows walked by `key`; `position` is the type of its values in cursors."""

    name: str
    source: str
    columns: str
    key: str
    position: ParameterType
    filters: Sequence[Filter] = ()

    def get_filter(self, name: str) -> Filter:
        """By the name of its parameter."""
        return next(each for each in self.filters if each.parameter.name == name)

    def build_query(self, page: Page) -> PageQuery:
        """One row more than the page holds, which tells whether more follow."""
        return self._build(page.filters, page.position, page.limit + 1, page.is_ascending)

    def build_stream_query(self, filters: dict[str, Any], position: int) -> PageQuery:
        return self._build(filters, position, LIMIT_MAX, is_ascending=True)

    def _build(self, given: Any, position: Any, limit: int, is_ascending: bool) -> PageQuery:
        filters = [(self.get_filter(name), value) for name, value in given.items()]
        key = next((each.key for each, _ in filters if each.key), self.key)
        joins = " ".join(each.join for each, _ in filters)
        order = "asc" if is_ascending else "desc"
        plain = [(each, value) for each, value in filters if each.walk is None]
        plain.sort(key=lambda pair: pair[0].condition is not None)  # those of the source come first
        conditions = [each.condition for each, _ in plain if each.condition is not None]
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

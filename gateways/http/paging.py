"""Pages: opaque cursors that carry order and filters, and the links made of them. Pure.

A page is a range of one ascending key. A cursor says after which key, in which order and with which
filters; a request that contradicts its cursor is refused, one that omits the filters gets the
cursor's. `before` walks towards the beginning, so that `prev` shows a page in its own order.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from gateways.http.jsonapi import Links
from gateways.http.parameter_types import LIMIT_DEFAULT, ParameterType
from gateways.http.problems import BAD_CURSOR, Problem
from gateways.http.routes import Call

Row = TypeVar("Row")
FILTER_PREFIX = "filter["


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """`position` and `filters` as the sender would write them."""

    path: str
    order: str
    before: bool
    position: str
    filters: dict[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows. `position` is exclusive, None on the first page. `filters`: by parameter name."""

    path: str
    filters: Mapping[str, Any]
    filter_texts: Mapping[str, str]
    order: str = "desc"
    limit: int = LIMIT_DEFAULT
    position: Any = None
    is_before: bool = False

    @property
    def is_ascending(self) -> bool:
        """The order in which the database is read."""
        return (self.order == "asc") != self.is_before

    def arrange(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` as they were read (one more than fit, if there are) in the page's order."""
        shown = list(rows[: self.limit])
        return shown[::-1] if self.is_before else shown


def read_page(call: Call, position: ParameterType) -> Page:
    """The page that a request asks for. `position` is the type of its key. Raises Problem."""
    carried = {each.name for each in call.route.parameters if each.is_carried}
    given = call.request.query_params.items()
    texts = {k: v for k, v in given if k.startswith(FILTER_PREFIX) or k in carried}
    filters = {name: call.query[name] for name in texts}
    page = Page(
        call.request.scope["path"],
        filters,
        texts,
        call.query.get("order", "desc"),
        call.query.get("page[limit]", LIMIT_DEFAULT),
    )
    text = call.query.get("page[cursor]")
    return page if text is None else _resume(call, page, _decode(text), position)


def _resume(call: Call, page: Page, cursor: _Cursor, position: ParameterType) -> Page:
    if cursor.path != page.path:
        raise Problem(BAD_CURSOR, f"the cursor was made for {cursor.path}")
    if "order" in call.query and call.query["order"] != cursor.order:
        raise Problem(BAD_CURSOR, f"the cursor was made for order={cursor.order}")
    if page.filter_texts and dict(page.filter_texts) != cursor.filters:
        made_for = ", ".join(f"{k}={v}" for k, v in sorted(cursor.filters.items())) or "none"
        raise Problem(BAD_CURSOR, f"the cursor was made for another filter: {made_for}")
    types = {each.name: each.type for each in call.route.parameters}
    try:
        filters = {name: types[name].parse(text) for name, text in cursor.filters.items()}
        at = position.parse(cursor.position)
    except (KeyError, ValueError):
        raise Problem(BAD_CURSOR, "the cursor was changed") from None
    return replace(
        page,
        filters=filters,
        filter_texts=cursor.filters,
        order=cursor.order,
        position=at,
        is_before=cursor.before,
    )


def _decode(text: str) -> _Cursor:
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        cursor = msgspec.json.decode(raw, type=_Cursor)
    except ValueError:
        raise Problem(BAD_CURSOR, "the cursor is not one of this gateway's") from None
    if cursor.order not in ("asc", "desc"):
        raise Problem(BAD_CURSOR, "the cursor was changed")
    return cursor


def make_links(
    call: Call,
    page: Page,
    walked: Sequence[Row],
    get_position: Callable[[Row], str],
) -> Links:
    """Links of the page that shows `walked` (one more row than `page.limit` if there are more).

    There is a next page if more rows follow, or if the page was reached backwards; and the other
    way round for the previous page.
    """
    rows = page.arrange(walked)
    has_more = len(walked) > page.limit
    is_first = page.position is None
    has_next = (has_more or page.is_before) and bool(rows)
    has_previous = (has_more if page.is_before else not is_first) and bool(rows)
    address = f"{call.public_url}{quote(page.path)}"
    parameters = call.request.scope["query_string"].decode("latin-1")
    return Links(
        f"{address}?{parameters}" if parameters else address,
        _link(address, page, get_position(rows[-1]), before=False) if has_next else None,
        _link(address, page, get_position(rows[0]), before=True) if has_previous else None,
    )


def _link(address: str, page: Page, position: str, *, before: bool) -> str:
    cursor = _Cursor(page.path, page.order, before, position, dict(page.filter_texts))
    text = base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")
    parameters = {**page.filter_texts, "order": page.order, "page[limit]": str(page.limit)}
    return f"{address}?{urlencode({**parameters, 'page[cursor]': text})}"

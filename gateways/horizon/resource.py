"""What the resource files are made with: collections with their pages and streams, and rows.

A resource file holds attributes, queries, rendering, filters and guard of one kind of resource, and
ends with its rows of the route table.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.authorization import Require, make_collection_guard, make_not_found
from gateways.horizon.database import PointQuery, Snapshot
from gateways.horizon.filters import AT_LEDGER
from gateways.horizon.ids import get_ledger_range
from gateways.horizon.problems import VIEW_UNAVAILABLE
from gateways.horizon.responses import LATEST_LEDGER, Meta, make_meta, respond
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.keyset import Collection, Filter, PageQuery
from gateways.http.paging import Page, make_links, read_page
from gateways.http.parameter_types import choices
from gateways.http.problems import (
    BAD_CURSOR,
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    Problem,
    ProblemType,
)
from gateways.http.routes import PAGE, REVALIDATED, Call, Guard, Handler, Parameter, Route
from gateways.http.sse import get_stream_client, read_last_event_id

Rendered = list[Resource[Any]]


def get_id(row: Any) -> str:
    return str(row.id)


def get_row_id(row: Any) -> Hashable:
    number: int = row.id
    return number


@dataclass(frozen=True)
class Include:
    """Resources that a page's rows refer to. `sql`: the statement that reads them, with %s where
    the page's own stands."""

    name: str
    sql: str
    render: Callable[[Horizon, Sequence[Any]], Awaitable[Rendered]]

    def build_query(self, page: PageQuery) -> PageQuery:
        return PageQuery(self.sql.replace("%s", page.sql, 1), page.parameters)


@dataclass(frozen=True)
class ResourceCollection(Collection):
    """A collection as users see it.

    `needs`: filters without which it is refused. `dated`: the same as of the ledger that the
    parameter at_ledger names. `includes`: resources that rows refer to, if asked for. `get_key`
    names a row that never changes, so that its JSON is rendered once for all pages and streams;
    None where rows change. `get_start`: from a ledger's sequence to the position after it.
    `require`: what a signer who owns none of it must be allowed to read; only public ones have
    none.
    """

    render: Callable[[Horizon, Sequence[Any]], Awaitable[Rendered]] = None  # type: ignore[assignment]
    get_position: Callable[[Any], str] = get_id
    needs: tuple[str, ...] = ()
    dated: "ResourceCollection | None" = None
    includes: tuple[Include, ...] = ()
    get_key: Callable[[Any], Hashable] | None = None
    require: Require | None = None
    get_start: Callable[[int], int] = lambda sequence: get_ledger_range(sequence)[1]

    async def show(self, horizon: Horizon, rows: Sequence[Any]) -> list[Any]:
        """Resources of the rows, or their JSON, in their order."""
        if self.get_key is None:
            return await self.render(horizon, rows)
        keys = [(self.name, self.get_key(row)) for row in rows]
        known = horizon.rendered.get(keys)
        if len(known) < len(keys):
            missing = {key: row for key, row in zip(keys, rows, strict=True) if key not in known}
            made = await self.render(horizon, list(missing.values()))
            new = (msgspec.Raw(msgspec.json.encode(each)) for each in made)
            fresh: dict[Hashable, msgspec.Raw] = dict(zip(missing, new, strict=True))
            known |= fresh
            horizon.rendered.keep(fresh)
        return [known[key] for key in keys]


def list_route(
    path: str,
    collection: ResourceCollection,
    attributes: Any,
    doc: str,
    *,
    is_public: bool = False,
    streams: bool = False,
    key: Filter | None = None,
    guard: Guard | None = None,
) -> Route:
    """The row of a collection. Private ones have the guard of collections, unless `guard` is given.
    `key`: a filter of the collection whose parameter is in the path."""
    guard = guard or _get_guard(collection, is_public=is_public)
    more = () if guard is None else (FORBIDDEN,)
    filters = [
        _describe_filter(each.parameter, collection)
        for each in collection.filters
        if each is not key
    ]
    if collection.dated is not None:
        filters.append(AT_LEDGER.parameter)
        more = (*more, NOT_FOUND)
    if collection.includes:
        filters.append(make_include(*(each.name for each in collection.includes)))
    return Route(
        path,
        "GET",
        _make_list_handler(collection, key),
        doc,
        guard,
        response=Listing[attributes, Meta],
        path_parameters=() if key is None else (key.parameter,),
        parameters=(*filters, *PAGE),
        problems=(BAD_REQUEST, BAD_CURSOR, VIEW_UNAVAILABLE, *more),
        streams=streams,
        tag=path.split("/")[2],
    )


def _get_guard(collection: ResourceCollection, *, is_public: bool) -> Guard | None:
    if is_public:
        return None
    if collection.require is None:
        raise ValueError(f"{collection.name} is private: say what reading it requires")
    return make_collection_guard(collection, collection.require)


def _describe_filter(parameter: Parameter, collection: ResourceCollection) -> Parameter:
    return dataclasses.replace(parameter, is_required=parameter.name in collection.needs)


def one_route(
    path: str,
    handler: Handler,
    attributes: Any,
    doc: str,
    *key: Parameter,
    guard: Guard | None = None,
    parameters: Sequence[Parameter] = (),
    problems: tuple[ProblemType, ...] = (),
    cache_control: str = REVALIDATED,
) -> Route:
    """The row of a single resource. `problems`: those besides the usual ones."""
    required = [each.name for each in parameters if each.is_required]

    async def get(call: Call) -> Response:
        for name in required:
            require_parameter(call.query, name)
        return await handler(call)

    return Route(
        path,
        "GET",
        get if required else handler,
        doc,
        guard,
        response=Document[attributes, Meta],
        path_parameters=key,
        parameters=tuple(parameters),
        problems=(BAD_REQUEST, NOT_FOUND, VIEW_UNAVAILABLE, *problems),
        tag=path.split("/")[2],
        cache_control=cache_control,
    )


async def get_one(
    call: Call,
    query: PointQuery,
    name: str,
    word: str,
    make_key: Callable[[Any], Any] | None = None,
) -> tuple[Any, Snapshot]:
    """The row whose key is the path's parameter `name`, or what `make_key` makes of it. Raises
    Problem if there is none."""
    horizon: Horizon = call.service
    given = call.path[name]
    key = given if make_key is None else make_key(given)
    snapshot = await horizon.database.get_points((query, key))
    if not snapshot.rows[0]:
        raise make_not_found(word, snapshot)
    return snapshot.rows[0][0], snapshot


def _make_list_handler(collection: ResourceCollection, key: Filter | None) -> Handler:
    async def get_list(call: Call) -> Response:
        """A page, or a stream if the sender prefers one."""
        if call.is_stream:
            return await _stream(call, collection)
        page = read_page(call, collection.position)
        for name in collection.needs:
            require_parameter(page.filters, name)
        if key is not None:
            name = key.parameter.name
            page = dataclasses.replace(page, filters={**page.filters, name: call.path[name]})
        return await _respond_page(call, _choose(collection, page), page)

    return get_list


def require_parameter(given: Mapping[str, Any], name: str) -> None:
    if name not in given:
        raise Problem(BAD_REQUEST, f"this route needs {name}", {"parameter": name})


def _choose(collection: ResourceCollection, page: Page) -> ResourceCollection:
    is_dated = AT_LEDGER.parameter.name in page.filters
    return collection.dated if is_dated and collection.dated is not None else collection


async def _respond_page(call: Call, collection: ResourceCollection, page: Page) -> Response:
    horizon: Horizon = call.service
    query = collection.build_query(page)
    wanted = call.query.get("include", frozenset())
    includes = [each for each in collection.includes if each.name in wanted]
    queries = [each.build_query(query) for each in includes]
    snapshot = await horizon.database.get_pages(query, *queries)
    require_ledger(page.filters.get(AT_LEDGER.parameter.name), snapshot)
    walked = snapshot.rows[0]
    shown = await collection.show(horizon, page.arrange(walked))
    included: Rendered = []
    for each, rows in zip(includes, snapshot.rows[1:], strict=True):
        included += await each.render(horizon, rows)
    links = make_links(call, page, walked, collection.get_position)
    meta = make_meta(snapshot.sequence, snapshot.close_time_ms)
    return respond(Listing(shown, links, meta, included), snapshot.sequence)


def require_ledger(sequence: int | None, snapshot: Snapshot) -> None:
    """Raises Problem if `sequence` is given and the views have not come to that ledger."""
    if sequence is not None and sequence > snapshot.sequence:
        detail = f"the views are at ledger {snapshot.sequence}, before {sequence}"
        raise Problem(NOT_FOUND, detail, headers={LATEST_LEDGER: str(snapshot.sequence)})


def make_include(*names: str) -> Parameter:
    return Parameter("include", choices(*names), "What to include, with commas.")


async def _stream(call: Call, collection: ResourceCollection) -> Response:
    """After Last-Event-ID, else after the cursor, else from now on. Always ascending."""
    horizon: Horizon = call.service
    page = read_page(call, collection.position)
    filters = dict(page.filters)
    start = read_last_event_id(call)
    if start is None:
        start = page.position
    if start is None:
        snapshot = await horizon.database.get_points()
        start = collection.get_start(snapshot.sequence)

    async def load(position: int) -> list[tuple[int, Any]]:
        if call.route.guard is not None:
            await call.route.guard(call)  # each time: a signer can be removed meanwhile
        query = collection.build_stream_query(filters, position)
        snapshot = await horizon.database.get_pages(query)
        rows = snapshot.rows[0]
        shown = await collection.show(horizon, rows)
        positions = (int(collection.get_position(row)) for row in rows)
        return list(zip(positions, shown, strict=True))

    client = get_stream_client(call)
    return await horizon.event_streams.respond(
        start, load, horizon.ledger_channel, collection.name, client
    )

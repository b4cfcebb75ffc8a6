"""Answers as JSON:API documents, and pages of API's own tables."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.api.service import Api
from gateways.http import jsonapi
from gateways.http.jsonapi import Document, Links, Listing, Resource
from gateways.http.keyset import Collection
from gateways.http.paging import make_links, read_page
from gateways.http.routes import Call
from gateways.http.store import Store
from schemas.values import format_time

Row = Sequence[Any]


class Meta(msgspec.Struct, frozen=True):
    """When it was so, by the gateway's clock."""

    retrieved_at: str


def respond_one(
    call: Call, resource: Resource[Any], status: int = 200, path: str | None = None
) -> Response:
    """`path`: where it is from now on; by default where it was asked for."""
    links = Links(call.public_url + (path or call.request.scope["path"]))
    headers = {"Location": links.self_} if status in (201, 202) else None
    return jsonapi.respond(Document(resource, links, _make_meta(call)), status, headers=headers)


def respond_all(call: Call, resources: Sequence[Resource[Any]]) -> Response:
    """What is never many: a page without others."""
    links = Links(call.public_url + call.request.scope["path"])
    return jsonapi.respond(Listing(list(resources), links, _make_meta(call)))


async def read_rows(
    call: Call, collection: Collection, filters: Mapping[str, Any], store: Store | None = None
) -> tuple[list[Row], Links]:
    """A page of `collection`, whose key is the first column. `filters`: those that the handler
    sets, besides the sender's. `store`: unless it is API's own. Raises Problem.
    """
    api: Api = call.service
    page = read_page(call, collection.position)
    query = collection.build_query(dataclasses.replace(page, filters={**page.filters, **filters}))
    rows = await (store or api.store).execute(query.sql, query.get_values())
    return page.arrange(rows), make_links(call, page, rows, lambda row: str(row[0]))


def respond_rows(
    call: Call, rows: Sequence[Row], links: Links, render: Callable[[Row], Resource[Any]]
) -> Response:
    return jsonapi.respond(Listing([render(row) for row in rows], links, _make_meta(call)))


def show_time(moment: datetime) -> str:
    """As all times are shown."""
    return format_time(int(moment.timestamp() * 1000))


def _make_meta(call: Call) -> Meta:
    api: Api = call.service
    return Meta(format_time(api.now_ms()))

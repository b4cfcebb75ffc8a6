"""Forms: what a role wants to know of whoever asks for it, by version.

A form is a JSON Schema for the fields (named as in SEP-9 where that has a name) and the documents
that go with them. API publishes it and never sees it filled in: clients encrypt what they hand in.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from gateways.api.access import Right, get_signer, make_administrator_guard
from gateways.api.answers import Meta, Row, respond_all, respond_one, show_time
from gateways.api.blob_types import SCHEMA_BYTES_MAX, make_validator
from gateways.api.form_types import FormRequest, Slot
from gateways.api.problems import FORM_INVALID, LEDGER_UNAVAILABLE
from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.bodies import read_body
from gateways.http.jsonapi import Document, Listing, Resource
from gateways.http.parameter_types import NUMBER
from gateways.http.problems import (
    BAD_REQUEST,
    FORBIDDEN,
    NOT_FOUND,
    STORE_UNAVAILABLE,
    UNSUPPORTED_MEDIA_TYPE,
    Problem,
)
from gateways.http.routes import Call, Parameter, Route

JSON = "application/json"
COLUMNS = "schema_id, role_id, version, content, published_at"
LIST = (
    f"select distinct on (role_id) {COLUMNS} from api.forms"  # noqa: S608
    " where %(role)s::numeric is null or role_id = %(role)s order by role_id, version desc"
)
FIND = f"select {COLUMNS} from api.forms where schema_id = %s"  # noqa: S608
LOCK = "select pg_advisory_xact_lock(7233514201)"
PUBLISH = """
insert into api.forms (role_id, version, content, published_by)
select %(role)s, coalesce(max(version), 0) + 1, %(content)s, %(signer)s from api.forms
where role_id = %(role)s
returning schema_id"""
FORM = Parameter("id", NUMBER, "The number of a form, which the ledger calls its schema.")
OF_ROLE = Parameter("filter[role_id]", NUMBER, "Of this account role only.")


class FormAttributes(msgspec.Struct, frozen=True):
    """`version`: of the form of its role; the newest is the one to fill in."""

    role_id: str
    version: int
    schema: dict[str, Any]
    class_: str = msgspec.field(name="class")
    documents: dict[str, Slot]
    days_valid: int | None
    published_at: str


async def publish(call: Call) -> Response:
    """A new version, which takes the place of the one before for new submissions."""
    api: Api = call.service
    given: FormRequest = await read_body(call)
    _check(given)
    values = {
        "role": given.role_id,
        "content": msgspec.json.encode(given, order="sorted"),
        "signer": get_signer(call),
    }
    async with api.store.transact() as transaction:
        await transaction.execute(LOCK)
        ((schema_id,),) = await transaction.execute(PUBLISH, values)
        ((*row,),) = await transaction.execute(FIND, (schema_id,))
    return respond_one(call, _render(row), 201, f"/v1/forms/{schema_id}")


async def list_forms(call: Call) -> Response:
    """The newest version of each role's."""
    api: Api = call.service
    rows = await api.store.execute(LIST, {"role": call.query.get(OF_ROLE.name)})
    return respond_all(call, [_render(row) for row in rows])


async def get_form(call: Call) -> Response:
    """Any version."""
    row = await find_form(call.service, call.path[FORM.name])
    if row is None:
        raise Problem(NOT_FOUND, "there is no such form")
    return respond_one(call, _render(row))


async def find_form(api: Api, schema_id: int) -> Row | None:
    rows = await api.store.execute(FIND, (schema_id,))
    return rows[0] if rows else None


def read_content(row: Row) -> FormRequest:
    """Of a row as `FIND` reads it."""
    return msgspec.json.decode(row[3], type=FormRequest)


def _check(given: FormRequest) -> None:
    if given.schema.get("type") != "object":
        raise Problem(FORM_INVALID, "the schema: its type must be object")
    try:
        make_validator(given.schema)
    except Problem as problem:
        raise Problem(FORM_INVALID, problem.detail) from None


def _render(row: Row) -> Resource[FormAttributes]:
    schema_id, role_id, version, _, published_at = row
    content = read_content(row)
    attributes = FormAttributes(
        str(role_id),
        version,
        content.schema,
        content.class_,
        content.documents,
        content.days_valid,
        show_time(published_at),
    )
    return Resource("forms", str(schema_id), attributes)


ROUTES = (
    Route(
        "/v1/forms",
        "GET",
        list_forms,
        "What roles want to know: the newest form of each.",
        response=Listing[FormAttributes, Meta],
        parameters=(OF_ROLE,),
        problems=(BAD_REQUEST, STORE_UNAVAILABLE),
        tag="kyc",
    ),
    Route(
        "/v1/forms/{id}",
        "GET",
        get_form,
        "One form, of any version.",
        response=Document[FormAttributes, Meta],
        path_parameters=(FORM,),
        problems=(BAD_REQUEST, NOT_FOUND, STORE_UNAVAILABLE),
        tag="kyc",
    ),
    Route(
        "/v1/forms",
        "POST",
        publish,
        "Publish a new version of a role's form.",
        make_administrator_guard(Right.MANAGE_FORMS),
        rate_class=WRITES,
        response=Document[FormAttributes, Meta],
        accepts={JSON: FormRequest},
        body_bytes_max=SCHEMA_BYTES_MAX,
        statuses=(201,),
        problems=(
            BAD_REQUEST,
            FORBIDDEN,
            UNSUPPORTED_MEDIA_TYPE,
            FORM_INVALID,
            LEDGER_UNAVAILABLE,
        ),
        tag="kyc",
    ),
)

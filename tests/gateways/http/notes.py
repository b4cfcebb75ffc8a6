"""A small gateway made with the kit alone: people keep notes. It has no ledger and no Kafka."""

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.http.bodies import read_body
from gateways.http.jsonapi import respond
from gateways.http.metrics import Metrics
from gateways.http.parameter_types import NUMBER, choice
from gateways.http.problems import FORBIDDEN, NOT_FOUND, Problem
from gateways.http.rate_limits import RateClass
from gateways.http.routes import Call, Method, Parameter, Route
from gateways.http.service import GatewayService, Health
from gateways.http.settings import GatewaySettings
from gateways.http.system import make_system_routes
from schemas.strkey import encode_account_id

WINDOW = 99_999  # no test sees the end of such a window
ID = Parameter("id", NUMBER, "Its number.")


class Note(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A note."""

    text: str


class Notes(GatewayService):
    """Keeps notes in memory. `owner` may write them."""

    title = "Notes"

    def __init__(self, settings: GatewaySettings, owner: bytes) -> None:
        rate_classes = (
            RateClass("reads", f"1000000/{WINDOW} seconds"),
            RateClass("writes", f"1000000/{WINDOW} seconds", per_key=f"20/{WINDOW} seconds"),
            RateClass("log-in", f"5/{WINDOW} seconds", per_subject=f"2/{WINDOW} seconds"),
        )
        super().__init__(settings, ROUTES, rate_classes, Metrics())
        self.owner = owner
        self.notes: dict[int, Note] = {}
        self.orders: list[str] = []


async def guard_writer(call: Call) -> None:
    if call.signer != call.service.owner:
        raise Problem(FORBIDDEN, "only the owner writes notes")


async def get_note(call: Call) -> Response:
    note = call.service.notes.get(call.path["id"])
    if note is None:
        raise Problem(NOT_FOUND, "there is no such note")
    return respond(note, media_type="application/json")


async def put_note(call: Call) -> Response:
    call.service.notes[call.path["id"]] = await read_body(call)
    return await get_note(call)


async def patch_note(call: Call) -> Response:
    old: Note = call.service.notes[call.path["id"]]
    new: Note = await read_body(call)
    call.service.notes[call.path["id"]] = Note(f"{old.text}{new.text}")
    return await get_note(call)


async def delete_note(call: Call) -> Response:
    call.service.notes.pop(call.path["id"], None)
    return Response(status_code=204)


async def log_in(call: Call) -> Response:
    note: Note = await read_body(call)
    call.limit_subject(note.text)
    return respond(note, media_type="application/json")


async def echo(call: Call) -> Response:
    """The body and its length, whatever it is."""
    content: bytes = await read_body(call)
    answer = {"length": len(content), "text": content.decode("latin-1")}
    return respond(answer, media_type="application/json")


async def order(call: Call) -> Response:
    """Counts how often it is carried out; as its text says, it takes long or fails."""
    note: Note = await read_body(call)
    call.service.orders.append(note.text)
    if note.text == "slowly":
        await asyncio.sleep(0.5)
    if note.text == "fail":
        raise RuntimeError(f"the order of {note.text} for anna.canary@example.org failed")
    if note.text == "refuse":
        raise Problem(NOT_FOUND, "there is no such thing")
    answer = {"number": len(call.service.orders)}
    return respond(answer, status=201, media_type="application/json")


async def wait_long(call: Call) -> Response:
    await asyncio.sleep(20)
    return Response(status_code=204)


async def show_signer(call: Call) -> Response:
    assert call.signer is not None
    return respond({"signer": encode_account_id(call.signer)}, media_type="application/json")


def make_writing_route(method: Method, handler: Any, **more: Any) -> Route:
    return Route(
        "/notes/{id}",
        method,
        handler,
        "Writes a note.",
        guard_writer,
        rate_class="writes",
        media_type="application/json",
        path_parameters=(ID,),
        **more,
    )


BODY: dict[str, Any] = {"accepts": {"application/json": Note}, "response": Note}
ROUTES = (
    Route(
        "/notes/{id}",
        "GET",
        get_note,
        "A note.",
        media_type="application/json",
        response=Note,
        path_parameters=(ID,),
    ),
    make_writing_route("PUT", put_note, **BODY, body_bytes_max=1_000),
    make_writing_route("PATCH", patch_note, **BODY),
    make_writing_route("DELETE", delete_note, statuses=(204,)),
    Route(
        "/log-in",
        "POST",
        log_in,
        "Tries to log in.",
        rate_class="log-in",
        media_type="application/json",
        **BODY,
    ),
    Route(
        "/signer",
        "GET",
        show_signer,
        "Who signed.",
        guard_writer,
        media_type="application/json",
        parameters=(Parameter("form", choice("short"), "How."),),
    ),
    Route(
        "/echo",
        "POST",
        echo,
        "Answers its body.",
        media_type="application/json",
        accepts={"application/octet-stream": bytes},
        response=dict,
    ),
    Route(
        "/orders",
        "POST",
        order,
        "Orders something, once for each Idempotency-Key.",
        guard_writer,
        media_type="application/json",
        accepts={"application/json": Note},
        response=dict,
        statuses=(201,),
        takes_idempotency_key=True,
    ),
    Route("/slow", "GET", wait_long, "Answers late.", media_type="application/json"),
    *make_system_routes(Health),
)

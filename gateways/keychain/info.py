"""What clients need to know before anything else."""

import time

import msgspec
from starlette.responses import Response

from gateways.http.jsonapi import respond
from gateways.http.routes import Call, Route
from gateways.http.system import JSON
from gateways.keychain.service import KeyChain


class Info(msgspec.Struct, frozen=True):
    """`server_time_ms`: of this gateway, for signatures. `bulk`: how many keys one administrator
    gets in an hour by himself."""

    server_time_ms: str
    bulk: int


async def get_info(call: Call) -> Response:
    keychain: KeyChain = call.service
    now_ms = time.time_ns() // 1_000_000
    return respond(Info(str(now_ms), keychain.settings.bulk), media_type=JSON)


ROUTES = (
    Route("/v1/info", "GET", get_info, "The clock and limits.", response=Info, media_type=JSON),
)

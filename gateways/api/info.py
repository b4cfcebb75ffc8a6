"""What clients need to know before anything else."""

import msgspec
from starlette.responses import Response

from gateways.api.service import Api
from gateways.http.jsonapi import respond
from gateways.http.routes import Call, Route
from gateways.http.system import JSON


class Info(msgspec.Struct, frozen=True):
    """`server_time_ms`: of this gateway, for signatures."""

    network_id: str
    server_time_ms: str


async def get_info(call: Call) -> Response:
    api: Api = call.service
    return respond(Info(api.network_id.hex(), str(api.now_ms())), media_type=JSON)


ROUTES = (
    Route(
        "/v1/info", "GET", get_info, "The network and the clock.", response=Info, media_type=JSON
    ),
)

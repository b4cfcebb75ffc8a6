"""Webhooks of payment gateways: whatever they say, PSIM is told to ask the gateway now.

Anybody may call: a call says nothing, makes nothing true, and counts once a second.
"""

import asyncio
import re

import structlog
from confluent_kafka import KafkaException
from starlette.responses import Response

from gateways.api.service import Api
from gateways.api.settings import WRITES
from gateways.http.parameter_types import ParameterType
from gateways.http.problems import BAD_REQUEST, NOT_FOUND, Problem
from gateways.http.routes import Call, Parameter, Route
from schemas.codec import frame
from schemas.generated.common import U64
from schemas.generated.events import GatewayCallback

BANK, NAME = "bank:", "^[-_a-zA-Z0-9]{1,32}$"
PAUSE_MS = 1_000
BODY_BYTES_MAX = 64 * 1024

log = structlog.get_logger("callbacks")


def _parse_name(text: str) -> str:
    if not re.fullmatch(NAME, text):
        raise ValueError("expected the name of a gateway")
    return text


GATEWAY = Parameter(
    "gateway", ParameterType(_parse_name, {"type": "string", "pattern": NAME}), "Its name."
)


async def take_callback(call: Call) -> Response:
    """The same answer whether it is passed on or not: who calls need not call again."""
    api: Api = call.service
    chain_id, now_ms = BANK + call.path[GATEWAY.name], api.now_ms()
    if chain_id not in api.settings.callbacks:
        raise Problem(NOT_FOUND, "there is no such gateway")
    if now_ms - api.called_at_ms.get(chain_id, 0) >= PAUSE_MS:
        api.called_at_ms[chain_id] = now_ms
        event = frame(GatewayCallback(chain_id, U64(now_ms)))
        try:
            await asyncio.to_thread(api.callbacks.produce, [event])
        except KafkaException as error:  # it is a hint: the gateway is asked soon anyway
            log.warning("callback_lost", gateway=chain_id, reason=str(error))
    return Response(status_code=204)


ROUTES = (
    Route(
        "/v1/callbacks/{gateway}",
        "POST",
        take_callback,
        "For webhooks of payment gateways: a hint to ask the gateway now. Contents do not count.",
        rate_class=WRITES,
        path_parameters=(GATEWAY,),
        accepts={"application/json": bytes},
        body_bytes_max=BODY_BYTES_MAX,
        statuses=(204,),
        problems=(BAD_REQUEST, NOT_FOUND),
        tag="callbacks",
    ),
)

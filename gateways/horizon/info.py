"""The network, these views, the core node behind them, and the gateway's clock and limits."""

import time
from typing import Any

import msgspec
from starlette.responses import Response

from gateways.horizon.progress import PROGRESS
from gateways.horizon.resource import one_route
from gateways.horizon.responses import respond_one
from gateways.horizon.service import Horizon
from gateways.http.jsonapi import Resource
from gateways.http.keyset import PageQuery
from gateways.http.middleware import ADDRESS_BYTES_MAX, HEADER_BYTES_MAX
from gateways.http.parameter_types import LIMIT_MAX
from gateways.http.problems import Problem
from gateways.http.routes import BODY_BYTES_MAX, Call
from gateways.http.signatures import LIFETIME_SECONDS
from schemas.readable import show_value
from schemas.strkey import encode_account_id
from schemas.values import format_time
from streams.consensus.quorum_set import get_nodes
from streams.ledger.admission import ENVELOPE_BYTES_MAX


class InfoAttributes(msgspec.Struct, frozen=True):
    """The network, these views, and the core node behind them (null if it does not answer)."""

    network_id: str
    network_passphrase: str
    genesis_hash: str
    master_account: str
    latest_ledger: str
    latest_header_hash: str
    latest_ledger_closed_at: str
    latest_ledger_close_time_ms: str
    server_time: str
    server_time_ms: str
    ingest_topic: str
    validators: list[str]
    settings: dict[str, Any]
    limits: dict[str, int]
    core: dict[str, Any] | None
    core_problem: str | None


async def get_info(call: Call) -> Response:
    """Clients set their clocks by it. A core node that does not answer is reported, no error."""
    horizon: Horizon = call.service
    snapshot = await horizon.database.get_pages(PageQuery(PROGRESS))
    settings, quorum_set = await horizon.get_network()
    core: dict[str, Any] | None = None
    core_problem: str | None = None
    try:
        core = await horizon.core.get_status()
    except Problem as problem:
        core_problem = problem.detail
    progress = snapshot.rows[0][0]
    now_ms = time.time_ns() // 1_000_000
    attributes = InfoAttributes(
        network_id=horizon.network_id.hex(),
        network_passphrase=horizon.genesis.network_passphrase,
        genesis_hash=horizon.genesis_hash.hex(),
        master_account=encode_account_id(settings.master_account),
        latest_ledger=str(progress.sequence),
        latest_header_hash=progress.header_hash.hex(),
        latest_ledger_closed_at=format_time(progress.close_time_ms),
        latest_ledger_close_time_ms=str(progress.close_time_ms),
        server_time=format_time(now_ms),
        server_time_ms=str(now_ms),
        ingest_topic=horizon.settings.ingest_topic,
        validators=[encode_account_id(node) for node in sorted(get_nodes(quorum_set))],
        settings=show_value(settings, horizon.scales.known),
        limits=_get_limits(horizon),
        core=core,
        core_problem=core_problem,
    )
    return respond_one(call, Resource("info", "horizon", attributes), snapshot)


def _get_limits(horizon: Horizon) -> dict[str, int]:
    return {
        "page": LIMIT_MAX,
        "streams": horizon.settings.streams_max,
        "streams_per_client": horizon.settings.streams_per_client_max,
        "body_bytes": BODY_BYTES_MAX,
        "header_bytes": HEADER_BYTES_MAX,
        "address_bytes": ADDRESS_BYTES_MAX,
        "envelope_bytes": ENVELOPE_BYTES_MAX,
        "result_seconds": horizon.settings.result_seconds_max,
        "signature_seconds": LIFETIME_SECONDS,
    }


class GenesisAttributes(msgspec.Struct, frozen=True):
    """The content of the genesis file. Whoever pins `genesis_hash` needs to trust nobody for it."""

    genesis: dict[str, Any]
    genesis_hash: str


async def get_genesis(call: Call) -> Response:
    """The hash says whether it is the right one."""
    horizon: Horizon = call.service
    snapshot = await horizon.database.get_points()
    content = msgspec.to_builtins(horizon.genesis)
    attributes = GenesisAttributes(content, horizon.genesis_hash.hex())
    return respond_one(call, Resource("genesis", "1", attributes), snapshot)


ROUTES = (
    one_route(
        "/v3/genesis",
        get_genesis,
        GenesisAttributes,
        "The genesis file, from which ledger 1 and its hash follow.",
    ),
    one_route(
        "/v3/info",
        get_info,
        InfoAttributes,
        "The network, how far the views are, the core node behind them, the server's clock.",
    ),
)

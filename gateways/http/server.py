"""Serves a gateway: uvicorn on uvloop and httptools, logs as JSON lines."""

import gc
import logging
import resource
import socket
import sys
from collections.abc import Sequence
from typing import Any

import msgspec
import structlog
import uvicorn
from starlette.types import ASGIApp

from gateways.http.app import build_app
from gateways.http.connection_table import RESERVE, ConnectionTable
from gateways.http.connections import make_protocol
from gateways.http.service import GatewayService
from gateways.http.settings import GatewaySettings, LimitSettings
from schemas.redaction import redact_event

KEEP_ALIVE_SECONDS = 30
STOP_SECONDS = 5
SPARE_FILES = 256  # besides connections: databases, logs, sockets that listen


def configure_logs() -> None:
    """One JSON object per line on standard error: ours by structlog, libraries' by logging."""
    shared: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(_encode_json)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processor=structlog.processors.JSONRenderer(_encode_json)
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def _encode_json(event: Any, **_: Any) -> str:
    """Three times as fast as the standard library's: every request writes a line."""
    return msgspec.json.encode(event, enc_hook=repr).decode()


def make_config(
    app: ASGIApp, host: str, port: int, limits: LimitSettings, proxies: Sequence[str] = ()
) -> uvicorn.Config:
    """How gateways are served, also in tests."""
    table = ConnectionTable(limits.connections, limits.connections_per_client, proxies)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=make_protocol(limits.receive_seconds, limits.answer_seconds, table),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        backlog=1_024,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
    )


def run(service: GatewayService, settings: GatewaySettings) -> None:
    """Runs a gateway in this process until it is told to stop."""
    configure_logs()
    app = build_app(service)
    allow_files(settings.limits.connections + RESERVE + SPARE_FILES)
    serve(make_config(app, settings.host, settings.port, settings.limits, settings.proxies))


def serve(config: uvicorn.Config) -> None:
    """Returns when the process was told to stop and current requests are answered."""
    # What was imported stays; collecting through it again and again costs 40 ms each (measured).
    gc.collect()
    gc.freeze()
    uvicorn.Server(config).run(sockets=make_sockets(config))


def make_sockets(config: uvicorn.Config) -> list[socket.socket] | None:
    """For "::", which means all addresses, a socket for both families. None: uvicorn makes it.

    asyncio restricts IPv6 sockets to IPv6. Raises OSError.
    """
    if config.host != "::":
        return None
    made = socket.create_server(
        ("::", config.port),
        family=socket.AF_INET6,
        backlog=config.backlog,
        dualstack_ipv6=socket.has_dualstack_ipv6(),
    )
    return [made]


def allow_files(count: int) -> None:
    """Raises this process' limit of open files to `count`, as far as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))

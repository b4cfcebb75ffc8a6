"""A Horizon gateway as its users meet it: real PostgreSQL and Kafka, real ledgers, real HTTP.

Ledgers come from `tests.support.network`, rows from the Horizon processor's own store. The core
node is a small server that answers from the same ledger by the ledger's own proofs.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import psycopg
import uvicorn
from starlette.types import ASGIApp

from gateways.client.request_signing import RequestSigner
from gateways.horizon.main import make_app
from gateways.horizon.settings import CoreSettings, HorizonGatewaySettings, HorizonLimits
from gateways.http.server import make_config, make_sockets
from gateways.http.settings import LimitSettings
from infra.local.kafka_admin import Topic
from infra.local.migrations import apply_migrations
from infra.local.ports import choose_port
from processors.horizon.fold import fold_ledger
from processors.horizon.schema import LIVE, create_schema
from processors.horizon.store import Batch, LedgerStore
from schemas.settings import DatabaseSettings, Secret
from schemas.strkey import encode_account_id
from streams.herder.proofs import Proofs
from streams.herder.simulator import Simulator
from streams.ledger.admission import Candidate
from streams.ledger.chain import ChainPosition, get_genesis_position, verify_record
from streams.ledger.close import ClosedLedger
from streams.node.metrics import Metrics
from streams.node.private_http import PrivateHttp
from tests.support.network import Network, get_key, get_public_key, make_economy
from tests.support.servers import Servers

STORE_MIGRATIONS = Path("gateways/http/migrations")
TOKEN = "a token of tests"


MANY = "1000000/10 seconds"


def serve(
    app: ASGIApp,
    port: int,
    limits: LimitSettings,
    proxies: tuple[str, ...] = (),
    host: str = "127.0.0.1",
) -> contextlib.AbstractContextManager[str]:
    """`app` on a port of this machine, as gateways are served."""
    config = make_config(app, host, port, limits, proxies)
    config.timeout_graceful_shutdown = 2
    return run_server(uvicorn.Server(config), port, make_sockets(config))


@contextlib.contextmanager
def run_server(
    server: uvicorn.Server, port: int, sockets: list[socket.socket] | None = None
) -> Iterator[str]:
    """In a thread of its own; its URL."""
    thread = threading.Thread(target=server.run, args=(sockets,))
    thread.start()
    try:
        wait_until(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


def wait_until(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it does not come"
        time.sleep(0.02)


@dataclass
class World:
    """A network and Horizon's views of it. Tests close ledgers with it."""

    database_url: str
    genesis_file: Path
    network: Network = field(default_factory=make_economy)
    position: ChainPosition = field(init=False)
    written: int = 0

    def __post_init__(self) -> None:
        self.genesis_file.write_bytes(encode_genesis(self.network))
        self.position = get_genesis_position(self.network.network_id)
        self.connection = psycopg.connect(self.database_url, autocommit=True)
        create_schema(self.connection, LIVE)
        self.store = LedgerStore(self.connection, self.network.genesis_hash)
        self.proofs = Proofs(self.network.ledger)
        self.publish()

    def close(self, *candidates: Candidate) -> ClosedLedger:
        """Closes a ledger and lets all see it: the views, and the core's proofs."""
        closed = self.network.close(*candidates)
        self.show(closed)
        return closed

    def show(self, closed: ClosedLedger) -> None:
        """Lets all see the ledger that was closed last."""
        certificate = self.network.records[-1].certificate
        self.proofs.add_closed(closed)
        self.proofs.set_certificate(closed.header.sequence, closed.header_hash, certificate)
        self.publish()

    def apply(self, source: str, *bodies: Any) -> ClosedLedger:
        return self.close(self.network.prepare(source, *bodies))

    def publish(self) -> None:
        """Writes all ledgers closed since the last time into the views, one commit each."""
        for record in self.network.records[self.written :]:
            verified = verify_record(self.position, record, self.network.genesis_hash)
            self.position = verified.position
            batch = Batch([fold_ledger(verified)], verified.position, "ledgers", self.written + 1)
            self.store.commit(batch)
            self.written += 1

    def reject(self, envelope: bytes, code: str, *nodes: str) -> None:
        """Rows as the processor writes them for `<node>.rejections`."""
        candidate = self.network.admit(envelope)
        for node in nodes:
            self.connection.execute(
                "insert into horizon.rejections values (%s, %s, %s, %s, 'as tests say', 6, 0)",
                (candidate.envelope_hash, node, candidate.transaction_hash, code),
            )
        self.connection.execute("notify horizon_rejection")


def encode_genesis(network: Network) -> bytes:
    return msgspec.json.encode(network.genesis)


def run_core(world: World, port: int) -> contextlib.AbstractContextManager[str]:
    """A core node's own private port, with the ledger of `world` behind it."""

    def get_status() -> dict[str, Any]:
        return {
            "node_id": encode_account_id(get_public_key("validator 0")),
            "sequence": world.network.ledger.header.sequence,
            "is_healthy": True,
        }

    server = PrivateHttp(
        TOKEN, world.proofs, Simulator(world.network.ledger), Metrics(), get_status
    ).make_server(f"127.0.0.1:{port}")
    return run_server(server, port)


@dataclass
class Gateway:
    """A running gateway and what stands behind it. `client` signs by the master's key, `stranger`
    does not sign.
    """

    world: World
    url: str
    topic: str
    servers: Servers
    client: httpx2.Client
    stranger: httpx2.Client
    store_url: str

    def sign_as(self, name: str) -> RequestSigner:
        """For `client.get(..., auth=)`: by the key of somebody."""
        return RequestSigner(get_key(name))

    def get(self, path: str, parameters: dict[str, str] | None = None) -> Any:
        """The JSON of a good answer."""
        response = self.client.get(path, params=parameters)
        assert response.status_code == 200, response.text
        return json.loads(response.content)


def create_store(servers: Servers) -> str:
    """The URL of a gateway's own database."""
    url = servers.create_database("gateway")
    apply_migrations(url, STORE_MIGRATIONS)
    return url


@contextlib.contextmanager
def run_gateway(servers: Servers, folder: Path, **changes: Any) -> Iterator[Gateway]:
    """A gateway of its own with a database and a topic of its own."""
    world = World(servers.create_database("horizon"), folder / "genesis.json")
    store_url = create_store(servers)
    topic = servers.get_prefix("gateway") + "transactions"
    servers.create_topics([Topic(topic)])
    token_file = folder / "token"
    token_file.write_text(TOKEN)
    core_port = choose_port([])
    port = choose_port([core_port])
    settings: dict[str, Any] = {
        "port": port,
        "public_url": f"http://127.0.0.1:{port}",
        "genesis_file": str(world.genesis_file),
        "database": DatabaseSettings(url=Secret(world.database_url)),
        "kafka": servers.kafka,
        "store": DatabaseSettings(url=Secret(store_url)),
        "core": CoreSettings(url=f"http://127.0.0.1:{core_port}", token_file=str(token_file)),
        "ingest_topic": topic,
        "result_seconds_max": 2,
        "limits": HorizonLimits(reads=MANY, submissions=MANY),
        **changes,
    }
    made = HorizonGatewaySettings(**settings)
    with (
        run_core(world, core_port),
        serve(make_app(made), port, made.limits, made.proxies) as url,
        httpx2.Client(base_url=url, timeout=20, auth=RequestSigner(get_key("master"))) as client,
        httpx2.Client(base_url=url, timeout=20) as stranger,
        world.connection,
    ):
        wait_until(lambda: client.get("/ready").status_code == 200)
        yield Gateway(world, url, topic, servers, client, stranger, store_url)
